# SPDX-License-Identifier: MIT
set pagination off
set confirm off
set remotetimeout 100
file @SYMBOLS@
target remote | @HOST@
printf "first %#lx\n", $pc
# As if Ctrl-C were typed.
shell (sleep 4; kill -INT $PPID) &
continue
printf "interrupted: %#lx\n", $pc
info symbol $pc
break *uptime_proc_show
continue
backtrace 2
set $stack = $rsp
stepi
stepi
stepi
printf "stepped to "
output/a $pc
echo \n
info registers cr0 efer cr3
set $p = $pc
eval "monitor translate %#lx", $p
set $byte = *(unsigned char *)$p
maintenance packet Qqemu.PhyMemMode:1
set $phys = *(unsigned char *)($p - 0xffffffff80000000)
maintenance packet Qqemu.PhyMemMode:0
if $byte == $phys
  echo the same byte\n
end
info threads
delete
# In hardware, which QEMU lacks: there it is never reached, and Ctrl-C ends it.
eval "watch *(unsigned long *)%#lx", $stack - 8
shell (sleep 6; kill -INT $PPID) &
continue
printf "watched %#lx\n", $pc
delete
detach
