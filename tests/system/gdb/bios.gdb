# SPDX-License-Identifier: MIT
set pagination off
set confirm off
set remotetimeout 100
target remote | @HOST@
x/i $pc
printf "first %#x offset %#x\n", $pc, $ip_offset
stepi
printf "second %#x\n", $pc
stepi
stepi
monitor mode
monitor reset
continue
printf "reset %#x\n", $pc
kill
