#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The sandbox of `vellum run`: threads of the program as it is shipped are made to
# call what they never call, by ptrace; what else it has given up.
# rigs: intel amd
# quick: no
# limit: 400
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/sandbox.$RIG

mkdir -p "$dir"
gcc -std=gnu11 -O1 -Wall -Werror -static -o "$dir/inject" \
	tests/system/sandbox/inject.c || exit 1
# sti; hlt; jmp: for ever
printf '\xfb\xf4\xeb\xfd' >"$dir/spin.bin"

# stock KVM has no named VMs
echo 1..39
number=0
for module in vmm kvm; do
	log=$dir/$module.log
	tests/onrig "$RIG" --module $module --timeout 150 --file "$dir/inject" \
		--file "$dir/spin.bin" --file tests/system/sandbox/on-host.sh \
		-- sh on-host.sh $module >"$log" 2>&1
	while IFS= read -r line; do
		case $line in
		"ok - "* | "not ok - "*)
			number=$((number + 1))
			echo "${line%% - *} $number - $module: ${line#* - }"
			;;
		*) echo "# $line" ;;
		esac
	done <"$log"
done
