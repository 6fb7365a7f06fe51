#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make run with files of the user's own (run.sh OPTIONS): they reach the emulated host,
# and what a guest writes to a disk comes back.
# rigs: amd
# quick: yes
# limit: 150
. "$(dirname "$0")/lib.sh"

# run STATUS OPTION...: run.sh ends with that status
run() {
	local want=$1 status
	shift
	tests/locked "$RIG" timeout 60 ./run.sh --memory 64M --quiet "$@" </dev/null
	status=$?
	[ "$status" = "$want" ] || { echo "status $status, not $want"; return 1; }
}

written() {
	cmp -n 512 "$work/a disk.img" "$work/a disk.img" 0 512
}

# What ends with status 42; a boot sector that first writes itself to the next sector
# (INT 13h: AX 0301h, CX 2, DH 0, BX 7c00h); VMCALL.
end='\xb0\x2a\xe6\xf4\xf4'
printf %b "$end" >"$work/end.bin"
{ printf %b "\xb8\x01\x03\xb9\x02\x00\x30\xf6\xbb\x00\x7c\xcd\x13$end"; head -c 492 /dev/zero; printf '\x55\xaa'; } \
	>"$work/a disk.img"
truncate -s 1M "$work/a disk.img"
printf '\x0f\x01\xc1' >"$work/vmcall.bin"

verdict "--bios FILE reaches the host" run 21 --bios "$work/vmcall.bin" --trap vmcall
verdict "--bios=FILE, and --load FILE@ADDR" run 42 --bios="$work/vmcall.bin" \
	--load "$work/end.bin@0x7c00" --entry 0:7c00
verdict "a missing file is named" run 4 --cdrom "$work/none.iso"
verdict "SeaBIOS boots --disk FILE" run 42 --disk "$work/a disk.img,bus=virtio" --debug-exit
verdict "what the guest wrote is in the file" written
cp "$work/a disk.img" "$work/floppy.img"
truncate -s 1474560 "$work/floppy.img"
dd if=/dev/zero of="$work/floppy.img" bs=512 seek=1 count=1 conv=notrunc status=none
verdict "SeaBIOS boots --floppy FILE first" run 42 --floppy "$work/floppy.img" \
	--disk "$work/end.bin" --debug-exit
verdict "what the guest wrote is on the floppy" cmp -n 512 "$work/floppy.img" "$work/floppy.img" 0 512
verdict "DISK=FILE does the same" env DISK="$work/a disk.img" RIG="$RIG" \
	timeout 60 bash -c './run.sh --memory 64M --debug-exit --quiet </dev/null; [ $? = 42 ]'
plan
