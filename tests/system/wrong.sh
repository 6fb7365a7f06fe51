#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Wrong files, options that contradict one another, outputs that are closed or full,
# writers to one file: each ends with a line that names what is wrong, and its status,
# and no file of the user's is lost.
# rigs: amd
# ci: yes
# quick: yes
# limit: 120
. "$(dirname "$0")/lib.sh"

printf '%b' '\xfa\xb0\x41\x66\xba\xf8\x03\xee\xb0\x07\x66\xba\xf4\x00\xee\xf4' >"$work/com1.bin"
printf '%b' '\xfa\xb0\x41\x66\xba\xf8\x02\xee\xb0\x07\x66\xba\xf4\x00\xee\xf4' >"$work/com2.bin"
printf '%b' '\xeb\xfe' >"$work/spin.bin"
host "the host stays well" --module vmm --no-guest --timeout 100 --file "$work/com1.bin" \
	--file "$work/com2.bin" --file "$work/spin.bin" \
	--file /usr/share/seabios/bios-256k.bin:bios.bin \
	--file tests/system/host/wrong.sh -- sh wrong.sh
plan
