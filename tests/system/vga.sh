#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The VGA: boot sectors, code without firmware and GRUB on --screen, with keys, on
# vmm.ko and, by the same program, on stock KVM; --vga on a terminal.
# rigs: amd
# ci: amd
# quick: no
# limit: 300
. "$(dirname "$0")/lib.sh"
seabios=/usr/share/seabios
files=(--file "$seabios/bios-256k.bin:$seabios/"
	--file "$seabios/vgabios-isavga.bin:$seabios/"
	--file /usr/lib/grub-rescue/grub-rescue-cdrom.iso)

for guest in TEXT:0x7c00 ROWS:0x7c00 GRAPHICS:0x7c00 BARE:0 PROT:0x100000; do
	name=${guest%:*} at=${guest#*:}
	gcc -c -x assembler-with-cpp "-DTEST_$name" tests/system/vga/guests.S \
		-o "$work/guest.o" &&
		ld -Ttext "$at" -e "$at" --oformat binary -o "$work/$name.img" \
			"$work/guest.o" || exit 1
	files+=(--file "$work/$name.img")
done

for module in vmm kvm; do
	host "$module: the host stays healthy" --module $module --no-guest --timeout 150 \
		"${files[@]}" --file tests/system/firmware/drive.sh \
		--file tests/system/vga/on-host.sh -- sh on-host.sh $module
done

expect tests/system/vga/terminal.exp "$work" tests/onrig "$RIG" --module vmm -i --no-guest \
	--timeout 120 "${files[@]}" -- \
	"vellum run --memory 64M --vga --debug-exit --com1 com1 --disk TEXT.img
	echo \"status=\$?, \$(grep -c 'by the BIOS' com1) line.\"; stty -a >after" \
	>"$work/terminal" 2>&1
take_lines "$work/terminal"
! grep -q '^not ok' "$work/terminal" ||
	tail -n 12 "$work/screen" | tr -dc '[:print:]\n' | sed 's/^/# /'
plan
