#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The CPU's own opinion of the explainer's rules: vmm-test.ko breaks a valid VMCS or VMCB
# in one place after the other and enters. Where an emulator disagrees is listed in
# tests/data/entry-checks.RIG, with why; the list has to be right, too.
# rigs: intel amd
# quick: no
# limit: 400
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/entry-checks.$RIG
known=tests/data/entry-checks.$RIG
mkdir -p "$dir"
make "$build/vmm-test.ko" >"$dir/make.log" 2>&1 || { cat "$dir/make.log"; exit 1; }
tests/onrig "$RIG" --no-guest --file "$build/vmm-test.ko" --timeout 250 -- \
	'insmod vmm-test.ko && cat /proc/vmm-test && rmmod vmm-test' >"$dir/table" 2>"$dir/rig.log"
status=$?
number=1
if [ "$status" = 0 ]; then
	echo "ok 1 - the host stays healthy"
else
	sed 's/^/# /' "$dir/rig.log"
	echo "not ok 1 - the host stays healthy"
fi
# "RULE (BASE): rules EXPECT, CPU DID | why", a prefix of the line without its number
grep -v '^#' "$known" | cut -d '|' -f 1 | sed 's/ *$//' | grep . >"$dir/known"
: >"$dir/hit"
while IFS= read -r line; do
	text=${line#* - }
	case $line in
	"ok "*)
		number=$((number + 1))
		echo "ok $number - $text"
		;;
	"not ok "*)
		number=$((number + 1))
		match=
		while IFS= read -r k; do
			case $text in "$k"*) match=$k ;; esac
		done <"$dir/known"
		if [ -n "$match" ]; then
			echo "$match" >>"$dir/hit"
			echo "ok $number - $text [listed]"
		else
			echo "not ok $number - $text"
		fi
		;;
	"# "*) echo "$line" ;;
	esac
done <"$dir/table"
number=$((number + 1))
sort -u "$dir/hit" >"$dir/hit.sorted"
if sort -u "$dir/known" | comm -23 - "$dir/hit.sorted" | grep . >"$dir/stale"; then
	sed 's/^/# listed, but it agrees: /' "$dir/stale"
	echo "not ok $number - every listed disagreement is still there"
else
	echo "ok $number - every listed disagreement is still there"
fi
number=$((number + 1))
if [ "$RIG" = intel ]; then least=150; else least=40; fi
if [ "$(grep -c ' - .*rules .*, CPU ' "$dir/table")" -ge $least ]; then
	echo "ok $number - at least $least mutations"
else
	echo "not ok $number - at least $least mutations"
fi
echo "1..$number"
