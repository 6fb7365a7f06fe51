#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Real mode and firmware: the pseudo-BIOS of three bytes, the state that failed
# in 2012, tiny guests for the board's devices, SeaBIOS to its boot attempt; on
# vmm.ko and, by the same program, on stock KVM.
# rigs: intel amd
# quick: yes
# limit: 400
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/firmware.$RIG
bios=/usr/share/seabios/bios-256k.bin
guests="hypercall keyboard rtc pci power_off strict hpet shadow"
amd=
[ "$RIG" = amd ] && amd=-DAMD

mkdir -p "$dir"
files=()
for guest in $guests; do
	gcc -c -x assembler-with-cpp "-DTEST_${guest^^}" $amd \
		tests/system/firmware/guests.S -o "$dir/$guest.o" &&
		ld -Ttext 0 -e 0 --oformat binary -o "$dir/$guest.bin" \
			"$dir/$guest.o" || exit 1
	files+=(--file "$dir/$guest.bin")
done
# VMCALL; on AMD its own VMMCALL
if [ "$RIG" = amd ]; then
	printf '\x0f\x01\xd9'
else
	printf '\x0f\x01\xc1'
fi >"$dir/pseudo.bin"
head -c 65537 /dev/zero >"$dir/odd.bin"
: >"$dir/empty.bin"

echo 1..40
number=0
for module in vmm kvm; do
	tests/onrig "$RIG" --module $module --no-guest --timeout 150 \
		"${files[@]}" --file "$dir/pseudo.bin" --file "$dir/odd.bin" \
		--file "$dir/empty.bin" --file $bios \
		--file tests/system/firmware/on-host.sh \
		-- sh on-host.sh $module "$RIG" >"$dir/$module.log" 2>&1
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
