#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Debian's kernel under `vellum run`, on vmm.ko and by the same program on stock
# KVM; what can't work and how it is refused; programs that die.
# rigs: intel amd
# quick: yes
# limit: 500
set -u
cd "$(dirname "$0")/../.." || exit 1
number=0
modules="vmm kvm"
[ -z "${QUICK:-}" ] || modules=vmm
# Stock KVM's host hangs in QEMU now and then (docs/emulators.md): not unattended.
[ -z "${CI:-}" ] || [ "$RIG" != amd ] || modules=vmm
for module in $modules; do
	log=${BUILD:-build}/tests/linux.$RIG.$module.log
	tests/onrig "$RIG" --module $module --timeout 220 \
		--file tests/system/linux/on-host.sh -- sh on-host.sh $module >"$log" 2>&1
	status=$?
	while IFS= read -r line; do
		case $line in
		"ok - "* | "not ok - "*)
			number=$((number + 1))
			echo "${line%% - *} $number - $module: ${line#* - }"
			;;
		*) echo "# $line" ;;
		esac
	done <"$log"
	number=$((number + 1))
	if [ $status = 0 ]; then
		echo "ok $number - $module: the host stays healthy"
	else
		echo "not ok $number - $module: the rig ended with status $status"
	fi
done
echo "1..$number"
