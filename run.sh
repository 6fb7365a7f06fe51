#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The main job, after `make run` has built everything: boots Debian's kernel as a
# guest of vmm.ko, on this machine's own CPU if its virtualisation is free, else
# on an emulated machine (RIG=intel: VT-x in Bochs; RIG=amd: AMD-V in QEMU).
#
#   ./run.sh [OPTIONS OF vellum run]
#
# Options that say what to boot (--disk, --cdrom, --bios, --kernel, ...) do so instead;
# the files that they name are given to the emulated machine. DISK=FILE (make
# debian-disk makes one) is --disk FILE. With --only-check it only looks at RIG and DISK.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

say() { printf 'run: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

# The number of users of stock KVM's module: its VMs, if it has any.
kvm_guests() {
	awk '/^kvm_(intel|amd) / && $3 > n { n = $3 } END { print n + 0 }' /proc/modules
}

# native_reason: empty if this machine's own CPU can be used, else why not.
native_reason() {
	local headers
	headers=/lib/modules/$(uname -r)/build
	if [ -n "${RIG:-}" ]; then
		echo "RIG=$RIG asks for the rig"
	elif ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		echo "this CPU offers no VT-x or AMD-V"
	elif [ ! -d "$headers" ]; then
		echo "no headers of the running kernel (apt install linux-headers-$(uname -r))"
	elif [ "$(kvm_guests)" != 0 ]; then
		echo "KVM is running guests on this CPU"
	elif [ ${#as_root[@]} != 0 ] && ! command -v sudo >/dev/null; then
		echo "vmm.ko can be loaded by root only, and there is no sudo"
	fi
}

# Builds and loads vmm.ko for the running kernel. If it does not load, prints why.
load_native() {
	local text
	[ ! -e /dev/vmm/ctl ] || return 0
	if ! make NATIVE=1 BUILD=build/native module >&2; then
		echo "vmm.ko does not build for the running kernel (above)"
	elif ! text=$("${as_root[@]}" insmod build/native/vmm.ko 2>&1); then
		text="${text#insmod: }; $("${as_root[@]}" dmesg 2>/dev/null | grep -F 'vmm: ' | tail -n 1 || :)"
		echo "vmm.ko does not load here (${text%; })"
	fi
}

# Is one of the options in "$@" one that says what to boot?
says_what() {
	local arg
	for arg; do
		case ${arg%%=*} in
		--kernel | --bios | --firmware | --disk | --cdrom | --floppy | --flat | --load) return 0 ;;
		esac
	done
	return 1
}

# A signal ends vellum first: while it lives, vmm.ko can't be unloaded.
run_native() {
	local pid status=0 guest=()
	if ! says_what "$@"; then
		guest=(--kernel build/rig/vmlinux --initrd build/rig/guest.cpio)
		make -f rig/rules.mk rig-parts >&2
	fi
	"${as_root[@]}" build/vellum run "${guest[@]}" "$@" <&0 &
	pid=$!
	# shellcheck disable=SC2064
	trap "kill -TERM $pid 2>/dev/null || :" INT TERM HUP
	wait $pid || status=$?
	while [ -e /proc/$pid ]; do
		status=0
		wait $pid || status=$?
	done
	return "$status"
}

# give OPTION FILE: sets `there` to what the emulated host is to call it. Disks and CDs that may be
# written become its disks, of which it can have two; all else is copied.
give() {
	local option=$1 file=$2
	there=$file
	[ -f "$file" ] || return 0	# the host's own, or missing: vellum will say so there
	case $option in
	--disk | --cdrom | --floppy)
		if [ "$disks" -lt 2 ] && [ -w "$file" ]; then
			there=/dev/sd$([ "$disks" = 0 ] && echo a || echo b)
			disks=$((disks + 1))
			rig+=(--disk "$file")
			return
		fi
		;;&
	--disk | --floppy) say "$file is copied: what is written to it will be lost" ;;
	--vars) say "$file is copied: what firmware writes to it will be lost" ;;
	esac
	copies=$((copies + 1))
	there=/files/$copies/${file##*/}
	rig+=(--file "$file:$there")
}

# translate OPTION VALUE: the same option for the emulated host, at the end of `guest`.
translate() {
	local option=$1 value=$2 there words
	case $option in
	--kernel | --bios | --firmware | --vars | --state | --cdrom)
		give "$option" "$value"
		value=$there
		;;
	--flat | --load)
		give "$option" "${value%@*}"
		value=$there@${value##*@}
		;;
	--disk | --floppy | --initrd)	# words may follow, as may commas in a name
		words=
		[ -f "$value" ] || words=${value#"${value%%,*}"}
		give "$option" "${value%"$words"}"
		value=$there$words
		;;
	esac
	guest+=("$option" "$value")
}

run_rig() {
	local rig=() guest=() disks=0 copies=0 bios
	if ! says_what "$@"; then
		exec rig/run --vendor "${RIG:-intel}" --module vmm -i -- \
			vellum run --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot "$@"
	fi
	for bios in /usr/share/seabios/bios-256k.bin /usr/share/seabios/vgabios-*.bin; do
		[ ! -e "$bios" ] || rig+=(--file "$bios:/usr/share/seabios/")
	done
	while [ $# != 0 ]; do
		case $1 in
		--kernel | --initrd | --bios | --firmware | --vars | --state | --cdrom | --flat | --load | --disk | --floppy)
			[ $# -gt 1 ] || break	# vellum says what is missing
			translate "$1" "$2"
			shift
			;;
		--*=*) translate "${1%%=*}" "${1#*=}" ;;
		*) guest+=("$1") ;;
		esac
		shift
	done
	exec rig/run --vendor "${RIG:-intel}" --module vmm -i --no-guest "${rig[@]}" -- \
		vellum run "${guest[@]}" "$@"
}

case ${RIG:-intel} in
intel | amd) ;;
*) die "RIG=$RIG: intel (Bochs) and amd (QEMU) are known" ;;
esac

if [ -n "${DISK:-}" ] && [ ! -e "$DISK" ]; then
	die "DISK=$DISK: no such file (make debian-disk makes build/images/debian.img)"
fi
[ "${1:-}" != --only-check ] || exit 0
[ -z "${DISK:-}" ] || set -- --disk "$DISK" "$@"
why=$(native_reason)
if [ -z "$why" ]; then
	loaded=no
	[ ! -e /dev/vmm/ctl ] || loaded=before
	why=$(load_native)
	# shellcheck disable=SC2064
	[ -n "$why" ] || [ $loaded = before ] || trap "${as_root[*]} rmmod vmm" EXIT
fi
if [ -z "$why" ]; then
	say "using this machine's own CPU"
	run_native "$@"
else
	say "$why: starting an emulated ${RIG:-intel} host"
	run_rig "$@"
fi
