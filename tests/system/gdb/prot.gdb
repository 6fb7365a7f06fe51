# SPDX-License-Identifier: MIT
set pagination off
set confirm off
set remotetimeout 100
target remote | @HOST@
show architecture
printf "start %#x\n", $pc
stepi
printf "stepped %#x %#x\n", $pc, $eax
kill
