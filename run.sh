#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The main job, after `make run` has built everything: boots Debian's kernel as a
# guest of vmm.ko, on this machine's own CPU if its virtualisation is free, else
# on an emulated machine (RIG=intel: VT-x in Bochs; RIG=amd: AMD-V in QEMU).
#
#   ./run.sh [OPTIONS OF vellum run]
#
# With DISK=FILE (make debian-disk makes one) that disk is booted by SeaBIOS instead.
# It is written to.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

say() { printf 'run: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }

# native_reason: empty if this machine's own CPU can be used, else why not.
native_reason() {
	if [ -n "${RIG:-}" ]; then
		echo "RIG=$RIG asks for the rig"
	elif ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		echo "this CPU offers no VT-x or AMD-V"
	elif [ ! -d "/lib/modules/$(uname -r)/build" ]; then
		echo "no headers of the running kernel (apt install linux-headers-$(uname -r))"
	elif [ "$(cut -d' ' -f3 <(grep -wE '^kvm_(intel|amd)' /proc/modules) | sort -n | tail -n 1)" -gt 0 ] 2>/dev/null; then
		echo "KVM is running guests on this CPU"
	fi
}

# Loads vmm.ko for the running kernel, runs, and unloads it again.
run_native() {
	local as_root=() status=0
	[ "$(id -u)" = 0 ] || as_root=(sudo)
	make NATIVE=1 BUILD=build/native module
	if [ ! -e /dev/vmm/ctl ]; then
		"${as_root[@]}" insmod build/native/vmm.ko || die "vmm.ko did not load: see dmesg"
		# shellcheck disable=SC2064
		trap "${as_root[*]} rmmod vmm" EXIT
	fi
	local guest=(--kernel build/rig/vmlinux --initrd build/rig/guest.cpio)
	[ -z "${DISK:-}" ] || guest=(--disk "$DISK")
	"${as_root[@]}" build/vellum run "${guest[@]}" "$@" || status=$?
	return "$status"
}

case ${RIG:-intel} in
intel | amd) ;;
*) die "RIG=$RIG: intel (Bochs) and amd (QEMU) are known" ;;
esac

if [ -n "${DISK:-}" ] && [ ! -e "$DISK" ]; then
	die "DISK=$DISK: no such file (make debian-disk makes build/images/debian.img)"
fi
why=$(native_reason)
if [ -z "$why" ]; then
	say "using this machine's own CPU"
	run_native "$@"
else
	say "$why: starting an emulated ${RIG:-intel} host"
	if [ -n "${DISK:-}" ]; then
		exec rig/run --vendor "${RIG:-intel}" --module vmm -i --no-guest --disk "$DISK" \
			--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ -- \
			vellum run --disk /dev/sda "$@"
	fi
	exec rig/run --vendor "${RIG:-intel}" --module vmm -i -- \
		vellum run --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot "$@"
fi
