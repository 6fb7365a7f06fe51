#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs on the emulated host: on-host.sh vmm|kvm
module=$1
case $module in
vmm) accel=/dev/vmm/ctl ;;
*) accel=/dev/kvm ;;
esac

# ok NAME COMMAND...: the command's status decides
ok() {
	name=$1
	shift
	if "$@"; then echo "ok - $name"; else echo "not ok - $name"; tail -n 8 out 2>/dev/null; fi
}

# guest SCRIPT OPTIONS...: boots, runs SCRIPT (',' for blanks) there, powers off; output in out
guest() {
	script=$1
	shift
	vellum run --accel $accel --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot \
		--append "rig.cmd=$script" "$@" </dev/null >out 2>&1
	status=$?
}

# ends STATUS PATTERN: the last guest ended so, and said so
ends() { [ "$status" = "$1" ] && grep -q "$2" out; }

# refused STATUS PATTERN OPTIONS...: one line of error, that status
refused() {
	want=$1 pattern=$2
	shift 2
	vellum run --accel $accel "$@" </dev/null >out 2>err
	status=$?
	cat err >>out
	[ $status = "$want" ] && grep -q "$pattern" err && [ "$(wc -l <err)" -le 2 ]
}

guest uname,-a
ok "Linux boots, answers and powers off" ends 0 "Linux (none) 6.1"
if [ $module = vmm ]; then
	ok "the exits were counted" grep -q "exits by reason, counted by vmm.ko" out
fi
guest 'grep,MemTotal,/proc/meminfo' --memory 256M
ok "--memory 256M" ends 0 "MemTotal: *2[0-9]\{5\} kB"
guest 'cat,/sys/devices/system/clocksource/clocksource0/current_clocksource;reboot,-f' --no-reboot
ok "a reset ends with 16 under --no-reboot" ends 16 .
guest 'echo,c,>/proc/sysrq-trigger'
ok "a guest's panic ends with 17" ends 17 "panic"

# 3 s by the guest's clock, seen from the host's: idle=halt hosts skip what is idle,
# so the guest counts its own TSC, which is the host's but for an offset.
printf 'uname -a\ncat /proc/uptime\npoweroff -f\n' |
	vellum run --accel $accel --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot >out 2>&1
status=$?
ok "commands from a pipe" ends 0 "Linux (none) 6.1"
echo 'echo told-$((6*7))' |
	vellum run --accel $accel --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot >out 2>&1
status=$?
ok "the end of the pipe ends the shell" ends 0 "told-42"

# -- What can't work ------------------------------------------------------------------
head -c 20000 /guest/vmlinuz >cut.img
head -c 300000 /guest/vmlinux >cut.elf
echo "no kernel" >text
: >empty
printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0\1\0\0\0' >elf32
head -c 100 /dev/zero >>elf32
k="--kernel /guest/vmlinux"
ok "kernel missing" refused 4 nowhere --kernel nowhere
ok "kernel empty" refused 4 empty --kernel empty
ok "kernel truncated (bzImage)" refused 4 cut.img --kernel cut.img
ok "kernel truncated (ELF)" refused 4 cut.elf --kernel cut.elf
ok "not a kernel" refused 4 text --kernel text
ok "32-bit kernel" refused 4 elf32 --kernel elf32
ok "kernel larger than memory" refused 4 vmlinux $k --memory 24M
ok "initrd missing" refused 4 nowhere $k --initrd nowhere
ok "initrd that does not fit" refused 4 initrd $k --initrd /guest/vmlinux --memory 64M
ok "memory 0" refused 2 memory $k --memory 0
ok "memory too small" refused 2 memory $k --memory 4K
ok "memory not a number" refused 2 memory $k --memory lots
ok "memory more than there is" refused 3 memory $k --memory 900G
ok "unknown option, the nearest one named" refused 2 "memory" --memroy 1
ok "no such accelerator" sh -c "vellum run $k --accel /dev/none </dev/null >/dev/null 2>err; test \$? = 3 && grep -q /dev/none err"

# -- Dying ------------------------------------------------------------------------------
i=0
while [ $i -lt 3 ]; do
	vellum run --accel $accel --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot \
		</dev/null >out 2>&1 &
	pid=$!
	usleep $((100000 + i * 700000))
	if [ $module = vmm ] && [ $i = 1 ]; then
		if rmmod vmm 2>/dev/null; then echo "not ok - rmmod while a VM lives is refused"
		else echo "ok - rmmod while a VM lives is refused"; fi
	fi
	kill -9 $pid
	wait $pid 2>/dev/null
	i=$((i + 1))
done
if [ $module = vmm ]; then
	sleep 1
	vellum info >out 2>&1
	ok "after kill -9 no VM is left" sh -c 'awk "/^  VMs/ { n = \$NF } END { exit n != 0 }" out'
	ok "the module unloads" rmmod vmm
fi
exit 0
