#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Small systems through SeaBIOS: boot sectors in real, protected and long mode;
# disks that fail while they are used; images that can't be; a guest that writes
# garbage everywhere. On vmm.ko and, by the same program, on stock KVM.
# rigs: intel amd
# limit: 500
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/boot.$RIG

mkdir -p "$dir"
files=()
for boot in BIOS RETURN FAILING PROT PAE LONG; do
	gcc -c -x assembler-with-cpp -DBOOT_$boot -DLAST=4096 \
		tests/system/firmware/boot.S -o "$dir/boot.o" &&
		ld -Ttext 0x7c00 -e 0x7c00 --oformat binary -o "$dir/$boot.img" \
			"$dir/boot.o" || exit 1
	files+=(--file "$dir/$boot.img")
done
gcc -c tests/system/firmware/garbage.S -o "$dir/garbage.o" &&
	ld -Ttext 0x100000 -e 0x100000 --oformat binary -o "$dir/garbage.bin" \
		"$dir/garbage.o" || exit 1
truncate -s 1M "$dir/blank.img"

# garbage on stock KVM is left out on the AMD rig: see boot-on-host.sh
if [ "$RIG" = amd ]; then echo 1..51; else echo 1..54; fi
number=0
for module in vmm kvm; do
	tests/onrig "$RIG" --module $module --no-guest --timeout 220 "${files[@]}" \
		--file "$dir/garbage.bin" --file "$dir/blank.img" \
		--file "$dir/blank.img:garbage2.img" \
		--file /usr/share/seabios/bios-256k.bin \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ \
		--file tests/system/firmware/boot-on-host.sh \
		-- sh boot-on-host.sh $module >"$dir/$module.log" 2>&1
	while IFS= read -r line; do
		case $line in
		"ok - "* | "not ok - "*)
			number=$((number + 1))
			echo "${line%% - *} $number - $module: ${line#* - }"
			;;
		*) echo "# $line" ;;
		esac
	done <"$dir/$module.log"
done
