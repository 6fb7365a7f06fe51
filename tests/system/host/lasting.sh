#!/bin/sh
# SPDX-License-Identifier: MIT
. ./lib.sh

boot() {
	# shellcheck disable=SC2086
	vellum run $linux --memory 192M --append rig.cmd=true >out 2>&1
}

# Slab and free memory in KiB, without what the kernel would give back
memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	usleep 500000
	awk '/^Slab:/ { slab = $2 } /^MemFree:/ { free = $2 } END { print slab, free }' /proc/meminfo
}

# near "A B" "C D": slab has not grown, free memory not shrunk, by more than 1 MiB
near() {
	echo "# slab and free memory in KiB: $1 before, $2 after"
	echo "$1 $2" | awk '{ exit $3 - $1 > 1024 || $2 - $4 > 1024 }'
}

failed=0
boot || failed=1
boot || failed=1
before=$(memory)
i=0
while [ $i -lt 20 ]; do
	boot || failed=$((failed + 1))
	i=$((i + 1))
done
ok "20 boots end well" [ $failed = 0 ]
ok "the module holds no VM, page or object" nothing_held
after=$(memory)
ok "slab and free memory are within 1 MiB" near "$before" "$after"

before=$(memory)
i=0
while [ $i -lt 12 ]; do
	# shellcheck disable=SC2086
	vellum run $linux --memory 192M </dev/null >out 2>&1 &
	pid=$!
	usleep $((37000 + (i * 7919 % 31) * 50000))
	kill -9 $pid
	wait $pid 2>/dev/null
	i=$((i + 1))
done
ok "12 clients killed at odd moments: no VM, page or object is left" await 50 nothing_held
after=$(memory)
ok "slab and free memory are within 1 MiB after kill -9" near "$before" "$after"

# shellcheck disable=SC2086
vellum run $linux --memory 192M </dev/null >out 2>&1 &
pid=$!
await 50 some_held
ok "rmmod is refused while a VM lives" sh -c '! rmmod vmm 2>out'
kill -9 $pid
wait $pid 2>/dev/null
ok "... and possible after kill -9" await 50 rmmod vmm
insmod /lib/modules-rig/vmm.ko

i=0
failed=0
while [ $i -lt 20 ]; do
	rmmod vmm || failed=$((failed + 1))
	insmod /lib/modules-rig/vmm.ko || failed=$((failed + 1))
	guest-tests "basic/long*" >out 2>&1 || failed=$((failed + 1))
	i=$((i + 1))
done
ok "20 times unloaded, loaded and used" [ $failed = 0 ]
ok "the nodes go with the module" sh -c 'rmmod vmm && ! test -e /dev/vmm/ctl'
