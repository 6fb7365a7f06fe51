#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Nothing is left behind: of twenty boots in one host, of clients killed at any
# moment, of a module loaded and unloaded twenty times.
# rigs: intel amd
# ci: amd
# limit: 600
# quick: no
. "$(dirname "$0")/lib.sh"
host "the host stays healthy" --module vmm --timeout 550 \
	--file tests/system/host/lib.sh --file tests/system/host/lasting.sh \
	--file "$build/tests/guest-tests:/bin/guest-tests" -- sh lasting.sh
plan
