#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs on the emulated host: the same client with the same guests, first on stock
# KVM, then on vmm.ko. Each line of results begins with "bench: ".
#
# on-host.sh intel|amd "COMMAND LINE" MEMORY
set -u
vendor=$1 cmdline=$2 memory=$3
modules=/lib/modules-rig

load() {
	case $1 in
	kvm) for name in irqbypass kvm "kvm-$vendor"; do insmod "$modules/$name.ko" || exit 1; done ;;
	vmm) insmod "$modules/vmm.ko" || exit 1 ;;
	esac
}

unload() {
	case $1 in
	kvm) rmmod "kvm_$vendor" kvm irqbypass ;;
	vmm) rmmod vmm ;;
	esac
}

# one NAME ACCELERATOR
one() {
	vellum run --quiet --accel "$2" --memory 64M --flat /root/bench.bin@0x100000 \
		--entry 0x100000 >/root/out 2>/root/err
	status=$?
	sed "s/^/bench: $1 /" /root/out
	[ $status = 0 ] || { echo "bench: $1 failed $status"; cat /root/err; }
	# Until the kernel's first instruction: the loading of the same file, by a copy
	# that only tells the time.
	vellum run --quiet --debug-exit --accel "$2" --memory "$memory" \
		--kernel /root/entry --initrd /root/initrd --cmdline "$cmdline" \
		>/root/out 2>/root/err || { echo "bench: $1 failed entry"; cat /root/err; }
	echo "bench: $1 entry-ticks $(hexdump -e '8/1 "%02x"' /root/out)"
	vellum run --quiet --accel "$2" --memory "$memory" --kernel /guest/vmlinux \
		--initrd /root/initrd --cmdline "$cmdline" >/root/out 2>/root/err
	status=$?
	tr -d '\r' </root/out | sed -n "s/^init \([0-9]*\)$/bench: $1 init-ticks \1/p"
	[ $status = 0 ] || { echo "bench: $1 failed boot $status"; tail -n 5 /root/err; }
}

for module in kvm vmm; do
	load $module
	case $module in kvm) node=/dev/kvm ;; vmm) node=/dev/vmm/ctl ;; esac
	one $module $node
	unload $module || { echo "bench: $module failed rmmod"; exit 1; }
done
