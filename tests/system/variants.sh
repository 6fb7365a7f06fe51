#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Linux as people also start it: from the bzImage, without --fast-boot, with two amounts
# of memory, on a host with its CPU mitigations on; and from the bzImage on stock KVM.
# rigs: intel amd
# ci: amd
# limit: 400
# quick: no
. "$(dirname "$0")/lib.sh"
host "vmm: the host stays healthy" --module vmm --mitigations auto --timeout 300 \
	--file tests/system/host/lib.sh --file tests/system/host/variants.sh -- sh variants.sh vmm
# Stock KVM's host hangs in QEMU now and then (docs/emulators.md): not unattended.
[ -n "${CI:-}" ] && [ "$RIG" = amd ] ||
	host "kvm: the host stays healthy" --module kvm --timeout 200 \
		--file tests/system/host/lib.sh --file tests/system/host/variants.sh -- sh variants.sh kvm
plan
