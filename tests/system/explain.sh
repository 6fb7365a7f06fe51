#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guests that end in a triple fault, in real, protected and long mode, and entries that
# fail: `vellum run` says why, on vmm.ko and on stock KVM; --catch-faults sees the CPU do
# what the explainer says; --lint knows before.
# rigs: intel amd
# quick: no
# limit: 400
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/explain.$RIG
mkdir -p "$dir"
gcc -c -x assembler-with-cpp tests/system/explain/guests.S -o "$dir/guests.o" &&
	ld -Ttext 0x1000 -e 0 --oformat binary -o "$dir/guests.bin" "$dir/guests.o" || exit 1
number=0
for module in vmm kvm; do
	tests/onrig "$RIG" --module $module --no-guest --timeout 180 --file "$dir/guests.bin" \
		--file tests/system/explain/on-host.sh -- sh on-host.sh $module "$RIG" \
		>"$dir/$module.log" 2>&1
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
echo "1..$number"
