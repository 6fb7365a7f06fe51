# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# For the scripts here: TAP with numbers, and the lines of scripts that ran on an
# emulated host. A script begins with
#     . "$(dirname "$0")/lib.sh"
# and ends with `plan`. It stands in the top folder then; RIG says which host.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD:-build}
work=$build/tests/system.$RIG.$(basename "$0" .sh)
number=0
mkdir -p "$work"

# verdict NAME COMMAND...: one line; the command's status decides
verdict() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/verdict" 2>&1; then
		echo "ok $number - $name"
	else
		tail -n 20 "$work/verdict" | sed 's/^/# /'
		echo "not ok $number - $name"
	fi
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# take_lines FILE: its "ok - x" and "not ok - x" lines, numbered; the rest as comments
take_lines() {
	local line
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		"ok - "* | "not ok - "*)
			number=$((number + 1))
			echo "${line%% - *} $number - ${line#* - }"
			;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$1"
}

# host NAME OPTION... -- COMMAND...: runs it there and takes its lines; NAME tells how
# the rig ended.
host() {
	local name=$1 status
	shift
	tests/onrig "$RIG" "$@" >"$work/host" 2>&1
	status=$?
	take_lines "$work/host"
	verdict "$name" [ "$status" = 0 ]
}

plan() { echo "1..$number"; }
