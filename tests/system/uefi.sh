#!/bin/bash
# SPDX-License-Identifier: MIT
#
# UEFI: OVMF to its shell, a variable that outlives the machine, power-off.
# ci: no
# rigs: intel
# quick: no
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=${BUILD:-build}/tests/uefi.$RIG
mkdir -p "$dir"
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$dir/vars.fd"

echo 1..4
tests/onrig "$RIG" --module vmm --no-guest --memory 768 --timeout 800 \
	--file /usr/share/OVMF/OVMF_CODE_4M.fd --file "$dir/vars.fd" \
	--file tests/system/firmware/uefi-on-host.sh \
	-- sh uefi-on-host.sh >"$dir/log" 2>&1
number=0
while IFS= read -r line; do
	case $line in
	"ok - "* | "not ok - "*)
		number=$((number + 1))
		echo "${line%% - *} $number - ${line#* - }"
		;;
	*) printf '# %s\n' "${line//[^[:print:]]/}" ;;
	esac
done <"$dir/log"
