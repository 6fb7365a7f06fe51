#!/bin/sh
# SPDX-License-Identifier: MIT
# variants.sh vmm|kvm
. ./lib.sh
case $1 in vmm) accel=/dev/vmm/ctl ;; *) accel=/dev/kvm ;; esac

boots() {
	vellum run --accel $accel --initrd /guest/initrd --append rig.cmd=uname,-a "$@" \
		</dev/null >out 2>&1 && grep -q 'Linux (none) 6' out
}

ok "$1: bzImage boots" boots --kernel /guest/vmlinuz --fast-boot
if [ "$1" = vmm ]; then
	ok "vmm: the host has mitigations on" \
		sh -c 'grep -hq Mitigation /sys/devices/system/cpu/vulnerabilities/*'
	ok "vmm: vmlinux boots without --fast-boot" boots --kernel /guest/vmlinux
	ok "vmm: in 64 MiB" boots --kernel /guest/vmlinux --fast-boot --memory 64M
fi
