#!/bin/bash
# SPDX-License-Identifier: MIT
#
# UEFI: OVMF to its shell, a variable that outlives the machine, Linux from a disk by
# its EFI stub, power-off; GRUB from an ATA disk and from a CD, and Linux by it. (Stock
# KVM ends QEMU: docs/devices.md.)
# rigs: intel amd
# quick: no
# ci: no
# limit: 1200
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/uefi.$RIG
rm -rf "$dir"
mkdir -p "$dir"

truncate -s 20M "$dir/esp.img" && mformat -i "$dir/esp.img" -v ESP :: &&
	mcopy -i "$dir/esp.img" "$build"/rig/kernel/boot/vmlinuz-* ::/linux.efi &&
	mcopy -i "$dir/esp.img" "$build/rig/guest.cpio" ::/initrd || exit 1

# GRUB where the shell finds it, where the firmware does, and so on a CD.
modules="normal minicmd echo halt search fat linux"
mkdir "$dir/cd"
grub-mkstandalone -O x86_64-efi -o "$dir/grub.efi" --install-modules="$modules" \
	--modules="$modules" --locales= --themes= --fonts= \
	boot/grub/grub.cfg=tests/system/firmware/uefi-grub.cfg 2>"$dir/grub.log" || exit 1
for image in shell.img cd/boot.img; do
	truncate -s 2M "$dir/$image" && mformat -i "$dir/$image" -v GRUB :: || exit 1
done
mcopy -i "$dir/shell.img" "$dir/grub.efi" ::/ &&
	mmd -i "$dir/cd/boot.img" ::/EFI ::/EFI/BOOT &&
	mcopy -i "$dir/cd/boot.img" "$dir/grub.efi" ::/EFI/BOOT/BOOTX64.EFI &&
	xorriso -as mkisofs -quiet -o "$dir/cd.iso" -e boot.img -no-emul-boot "$dir/cd" \
		2>"$dir/xorriso.log" || exit 1

echo 1..7
number=0
tests/onrig "$RIG" --module vmm --no-guest --memory 768 --timeout 1100 \
	--file /usr/share/OVMF/OVMF_CODE_4M.fd \
	--file /usr/share/OVMF/OVMF_VARS_4M.fd:vars.fd --file "$dir/esp.img" \
	--file "$dir/shell.img" --file "$dir/cd/boot.img" --file "$dir/cd.iso" \
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
