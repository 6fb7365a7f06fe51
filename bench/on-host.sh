#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs on the emulated host: the same client with the same guests, first on stock
# KVM, then on vmm.ko. Each line of results begins with "bench: ".
#
# on-host.sh intel|amd "COMMAND LINE" MEMORY
# Linux is booted only if its image /root/entry is there.
set -u
vendor=$1 cmdline=$2 memory=$3
modules=/lib/modules-rig
thp=/sys/kernel/mm/transparent_hugepage/enabled
cgroup=/sys/fs/cgroup/bench
echo always >$thp
echo +memory >/sys/fs/cgroup/cgroup.subtree_control

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

# What a VM costs the host besides the guest's memory, in KiB, at its prompt: what its
# cgroup has, less the resident part of the largest mapping, which is that memory.
host_memory() {
	mkdir -p $cgroup
	sh -c "echo 0 >$cgroup/cgroup.procs; exec vellum run --quiet --accel $2 --memory 128M \
		--kernel /guest/vmlinux --initrd /guest/initrd \
		--cmdline 'console=ttyS0 quiet rig.cmd=echo,up;sleep,1000'" \
		</dev/null >/root/out 2>/root/err &
	waited=0
	until grep -q '^up' /root/out || [ $waited = 100 ]; do
		sleep 1
		waited=$((waited + 1))
	done
	grep -q '^up' /root/out || echo "bench: $1 failed host-memory"
	vm=$(head -n 1 $cgroup/cgroup.procs)
	guest=$(awk '/^Size:/ { size = $2 } /^Rss:/ && size > most { most = size; rss = $2 }
		END { print rss }' "/proc/$vm/smaps")
	all=$(cat $cgroup/memory.current)
	kill "$vm"
	wait
	rmdir $cgroup
	echo "bench: $1 host-memory-kib $((all / 1024 - guest))"
}

# one NAME ACCELERATOR
one() {
	vellum run --quiet --no-sandbox --accel "$2" --memory 64M --flat /root/bench.bin@0x100000 \
		--entry 0x100000 >/root/out 2>/root/err
	status=$?
	sed "s/^/bench: $1 /" /root/out
	[ $status = 0 ] || { echo "bench: $1 failed $status"; cat /root/err; }
	# The same without huge pages in the host, of it the faults alone; and with the
	# program in its sandbox, whose filters see each KVM_RUN.
	echo never >$thp
	vellum run --quiet --accel "$2" --memory 64M --flat /root/bench.bin@0x100000 \
		--entry 0x100000 2>&1 | sed -n -e "s/^fresh-16m/bench: $1 fresh-16m-small/p" \
		-e "s/^out-user /bench: $1 out-user-sandbox /p" \
		-e "s/^mmio-user /bench: $1 mmio-user-sandbox /p"
	echo always >$thp
	[ -e /root/entry ] || return
	host_memory "$1" "$2"
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
	one "$module" "$node"
	unload $module || { echo "bench: $module failed rmmod"; exit 1; }
done
