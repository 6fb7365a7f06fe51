#!/bin/bash
# SPDX-License-Identifier: MIT
#
# UEFI: OVMF to its shell, a variable that outlives the machine, Linux from a disk by
# its EFI stub, power-off. (Stock KVM ends QEMU: docs/devices.md.)
# rigs: intel amd
# quick: no
# ci: no
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/uefi.$RIG
rm -rf "$dir"
mkdir -p "$dir"

truncate -s 20M "$dir/esp.img" && mformat -i "$dir/esp.img" -v ESP :: &&
	mcopy -i "$dir/esp.img" "$build"/rig/kernel/boot/vmlinuz-* ::/linux.efi &&
	mcopy -i "$dir/esp.img" "$build/rig/guest.cpio" ::/initrd || exit 1

echo 1..4
number=0
tests/onrig "$RIG" --module vmm --no-guest --memory 768 --timeout 800 \
	--file /usr/share/OVMF/OVMF_CODE_4M.fd \
	--file /usr/share/OVMF/OVMF_VARS_4M.fd:vars.fd --file "$dir/esp.img" \
	--file tests/system/firmware/drive.sh --file tests/system/firmware/uefi-on-host.sh \
	-- sh uefi-on-host.sh vmm >"$dir/log" 2>&1
while IFS= read -r line; do
	case $line in
	"ok - "* | "not ok - "*)
		number=$((number + 1))
		echo "${line%% - *} $number - ${line#* - }"
		;;
	*) printf '# %s\n' "${line//[^[:print:]]/}" ;;
	esac
done <"$dir/log"
