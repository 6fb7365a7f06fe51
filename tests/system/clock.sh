#!/bin/bash
# SPDX-License-Identifier: MIT
#
# 10 s by the guest's clock are 10 s by the host's TSC, within 1 %: for each clock and
# each timer that Linux can be told to use; the first of them on stock KVM as well.
# rigs: intel amd
# limit: 500
# quick: no
. "$(dirname "$0")/lib.sh"
gcc -O2 -Wall -Wextra -static -o "$work/stamp" tests/system/host/stamp.c || exit 1
files=(--file "$work/stamp:/bin/stamp" --file tests/system/host/lib.sh
	--file tests/system/host/clock.sh)
# Bochs counts instructions and skips what is idle. QEMU has to be told to, else its
# clock is the machine's own, and wrong under load.
[ "$RIG" = intel ] || files+=(--icount "shift=0,sleep=off")
# Stock KVM's host hangs in QEMU now and then (docs/emulators.md): not unattended.
modules="vmm kvm"
[ -z "${CI:-}" ] || [ "$RIG" != amd ] || modules=vmm
for module in $modules; do
	host "$module: the host stays healthy" --module $module --timeout 220 \
		"${files[@]}" -- sh clock.sh $module
done
plan
