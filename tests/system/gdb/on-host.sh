#!/bin/sh
# SPDX-License-Identifier: MIT
#
# on-host.sh intel|amd KINDS KINDS, on the emulated host: its symbols, then guests with
# --gdb one after the other, those of vmm.ko and those of stock KVM, the socket of each
# on standard input and output.
vendor=$1 kinds=$2 kvm_kinds=$3
port=4321

start() { # ACCEL KIND
	where=tcp:$port
	case $2 in
	linux)
		where=$where,nowait
		set -- "$1" --kernel /guest/vmlinux --initrd /guest/initrd --memory 256M \
			--fast-boot --append \
			'nokaslr rig.cmd=while,:;do,cat,/proc/uptime;sleep,0.1;done'
		;;
	real) set -- "$1" --flat code.bin@0x1000 --mode real --entry 100:0 --memory 2M ;;
	prot) set -- "$1" --flat code.bin@0x1000 --mode prot --entry 0x1020 --memory 2M ;;
	bios) set -- "$1" --bios bios.bin --memory 32M ;;
	esac
	accel=$1
	shift
	vellum run --accel "$accel" --gdb $where "$@" </dev/null >console 2>messages &
	pid=$!
}

wait_for() { # PATTERN FILE
	i=0
	while ! grep -qE "$1" "$2" && [ $i -lt 600 ]; do
		i=$((i + 1))
		usleep 100000
	done
}

went_on() {
	before=$(wc -c <console)
	sleep 3
	[ "$(wc -c <console)" -gt "$before" ] && echo "$1 linux: went on" >&2
}

session() { # MODULE ACCEL KIND
	: >console
	: >messages
	start "$2" "$3"
	wait_for 'for a debugger' messages
	[ "$3" = linux ] && wait_for '^[0-9]+\.[0-9]+ [0-9]' console
	nc 127.0.0.1 $port
	echo "$1 $3: debugger gone" >&2
	[ "$3" = linux ] && went_on "$1"
	kill $pid 2>/dev/null
	wait $pid
	tail -n 3 messages | cut -c 1-150 >&2
	port=$((port + 1))
}

ifconfig lo 127.0.0.1 up
cat /proc/kallsyms
echo end
cd /lib/modules-rig && insmod vmm.ko || exit
cd /root || exit
for kind in $kinds; do
	session vmm /dev/vmm/ctl "$kind"
done
rmmod vmm
cd /lib/modules-rig || exit
insmod irqbypass.ko
insmod kvm.ko
insmod "kvm-$vendor.ko"
cd /root || exit
for kind in $kvm_kinds; do
	session kvm /dev/kvm "$kind"
done
