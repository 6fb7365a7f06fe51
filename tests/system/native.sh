#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh on a machine whose own CPU has VT-x or AMD-V free, which is the emulated one: it
# uses that, and falls back to the rig where it can't. What builds is not there, and is
# replaced; the rest is real.
# rigs: intel amd
# quick: no
# ci: amd
# limit: 300
. "$(dirname "$0")/lib.sh"
make -s "$build/bench/guest.bin" || exit 1
files=(--file run.sh:/root/v/run.sh --file silicon-report.sh:/root/v/silicon-report.sh
	--file "$build/bench/guest.bin:/root/v/build/bench/guest.bin"
	--file "$build/tests/guest-tests:/root/v/build/tests/guest-tests"
	--file tests/system/host/lib.sh --file tests/system/host/native.sh --file /bin/bash:/bin/bash)
# bash with its libraries, each where it wants them
for library in $(ldd /bin/bash | grep -oE '/[^ ]+'); do
	files+=(--file "$library:$library")
done
host "the host stays healthy" --module both --timeout 280 "${files[@]}" -- \
	sh native.sh "$RIG"
plan
