#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Named VMs: clients that die, inspectors, owners (named/named.c); then the program:
# create, load, run, list, look, destroy, and the module's refusal to go.
# rigs: intel amd
# quick: no
# limit: 400
set -u
cd "$(dirname "$0")/../.." || exit
build=${BUILD:-build}
dir=$build/tests/named.$RIG
mkdir -p "$dir"
gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Iinclude -static \
	tests/system/named/named.c -o "$dir/named" || exit 1
# real mode at 0x1000: 66 inc word [2000h]; jmp
printf '\x66\xff\x06\x00\x20\xeb\xf9' >"$dir/count.bin"
exec tests/onrig "$RIG" --module vmm --no-guest --memory 640 --timeout 350 \
	--file "$dir/named:/bin/named" --file "$dir/count.bin" \
	--file /usr/share/seabios/bios-256k.bin --file tests/system/named/cli.sh -- 'named; sh cli.sh; exit 0'
