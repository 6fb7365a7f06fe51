# SPDX-License-Identifier: MIT
set pagination off
set confirm off
set remotetimeout 100
target remote | @HOST@
show architecture
printf "start %#x cs %#x\n", $pc, $cs
stepi
stepi
x/i $pc
break *0x1009
continue
stepi
printf "in the function %#x count %d\n", $pc, $bx
continue
stepi
printf "again %#x count %d\n", $pc, $bx
kill
echo killed\n
