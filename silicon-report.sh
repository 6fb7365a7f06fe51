#!/bin/bash
# SPDX-License-Identifier: MIT
#
# On a machine whose own CPU has VT-x or AMD-V: loads vmm.ko into the running
# kernel, runs the guest tests and a boot of the guest there, and writes all that
# they say into one file to post.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")" || exit 1

say() { printf 'silicon-report: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }

grep -qwE 'vmx|svm' /proc/cpuinfo ||
	die "this machine's CPU offers no VT-x or AMD-V (or its firmware hides it): nothing to report"
[ -d "/lib/modules/$(uname -r)/build" ] ||
	die "no headers of the running kernel: apt install linux-headers-$(uname -r)"
[ ! -e /dev/vmm/ctl ] || die "vmm.ko is loaded already: rmmod vmm first"

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
out=silicon-report-$(date -u +%Y%m%d-%H%M%S).txt
work=build/native
bench=build/bench/guest.bin
mkdir -p "$work"

say "building for kernel $(uname -r)"
make NATIVE=1 BUILD="$work" module >"$work/build.log" 2>&1 ||
	die "the module did not build: see $work/build.log"
make all rig-parts rig-programs "$bench" >>"$work/build.log" 2>&1 ||
	die "the programs did not build: see $work/build.log"

section() { printf '\n== %s ==\n' "$1"; }
rows() { section "$1"; shift; "$@" 2>&1; printf '(status %d)\n' $?; }

# benchmark NAME ACCELERATOR: ticks of the TSC per operation
benchmark() {
	rows "ticks per operation, $1" "${as_root[@]}" timeout 120 build/vellum run --quiet \
		--accel "$2" --memory 64M --flat "$bench@0x100000" --entry 0x100000
}

# Everything that needs the module in place.
with_module() {
	if ! "${as_root[@]}" insmod "$work/vmm.ko"; then
		section "the module did not load"
		"${as_root[@]}" dmesg | grep vmm: | tail -n 5
		return 1
	fi
	rows "what the CPU offers" "${as_root[@]}" build/vellum info
	rows "guest tests" "${as_root[@]}" timeout 600 build/tests/guest-tests
	rows "Linux" "${as_root[@]}" timeout 120 build/vellum run --kernel build/rig/vmlinux \
		--initrd build/rig/guest.cpio --append 'rig.cmd=uname,-a'
	benchmark "vmm.ko" /dev/vmm/ctl
	rows "unloading" "${as_root[@]}" rmmod vmm
	section "kernel log"
	"${as_root[@]}" dmesg | tail -n 60
}

{
	section "machine"
	grep -m1 'model name' /proc/cpuinfo
	grep -m1 microcode /proc/cpuinfo
	uname -a
	git describe --always --dirty 2>/dev/null
	with_module
	[ ! -e /dev/kvm ] || benchmark "stock KVM beside it" /dev/kvm
} | tee "$out"
say "written: $out; please post it with a word on the machine"
