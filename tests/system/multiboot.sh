#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Multiboot kernels: ELF of 32 and 64 bits, 64-bit code in an ELF file of 32 bits, and
# addresses in the header; modules, ACPI tables, PCI, CPUs started by INIT and SIPI, the
# debug-exit port; devices used as tutorials use them; GNU Mach; files that can't be
# loaded. On vmm.ko and on stock KVM.
# rigs: intel amd
# ci: amd
# quick: yes
# limit: 300
. "$(dirname "$0")/lib.sh"

from=tests/system/multiboot
build_kernel() { # build_kernel NAME BITS SOURCE [OPTION...]
	local name=$1 bits=$2 source=$3
	shift 3
	gcc -m"$bits" -c "$@" $from/start.S -o "$work/start.o" &&
		gcc -m"$bits" -std=gnu11 -O1 -ffreestanding -fno-pic -fno-stack-protector \
			-mno-red-zone -mno-sse -mno-mmx -fcf-protection=none -Wall -c $from/$source.c \
			-o "$work/main.o" &&
		ld -m "$([ "$bits" = 64 ] && echo elf_x86_64 || echo elf_i386)" -static -n \
			--no-warn-rwx-segments -T $from/kernel.ld "$work/start.o" "$work/main.o" \
			-o "$work/$name"
}
verdict 'test kernels are built' eval 'build_kernel elf32 32 main && build_kernel elf64 64 main &&
	objcopy -O elf32-i386 "$work/elf64" "$work/elf64-in-32" &&
	build_kernel with-addresses 32 main -DADDRESSES &&
	objcopy -O binary "$work/with-addresses" "$work/addresses" &&
	build_kernel tutorial 32 tutorial'
# numbered BYTES: an image whose sectors hold their number in each byte
numbered() {
	python3 -c 'import sys
for i in range(128): sys.stdout.buffer.write(bytes([i]) * int(sys.argv[1]))' "$1"
}
numbered 512 >"$work/disk.img"
numbered 2048 >"$work/cd.iso"
gzip -dc build/rig/others/gnumach-*/boot/gnumach-*.gz >"$work/gnumach"
echo 'first module' >"$work/one"
echo 'second module' >"$work/two"
head -c 5000 "$work/elf32" >"$work/short"

files=()
for f in elf32 elf64 elf64-in-32 addresses one two gnumach short tutorial disk.img cd.iso; do
	files+=(--file "$work/$f")
done
# Stock KVM's host hangs in QEMU now and then (docs/emulators.md): not unattended.
modules="vmm kvm"
[ -z "${CI:-}" ] || [ "$RIG" != amd ] || modules=vmm
for module in $modules; do
	host "$module: the host stays well" --module $module --no-guest --timeout 200 \
		"${files[@]}" --file tests/system/firmware/drive.sh \
		--file $from/on-host.sh -- sh on-host.sh $module
done
plan
