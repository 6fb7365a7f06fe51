#!/bin/bash
# SPDX-License-Identifier: MIT
#
# UEFI: OVMF to its shell, a variable that outlives the machine, Linux by its EFI
# stub and through GRUB from removable media. (Stock KVM ends QEMU: docs/devices.md.)
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

cat >"$dir/grub.cfg" <<-'END'
	serial --unit=0 --speed=115200
	terminal_output serial
	echo GRUB is here
	search --no-floppy --file --set=root /linux.efi
	linux /linux.efi console=ttyS0 quiet mitigations=off nokaslr cryptomgr.notests 'rig.cmd=echo,from-GRUB;ls,/sys/firmware'
	initrd /initrd
	boot
END
grub-mkimage -O x86_64-efi -p / -c "$dir/grub.cfg" -o "$dir/boot.efi" part_msdos fat linux \
	serial terminal echo boot search search_fs_file &&
	truncate -s 20M "$dir/esp.img" && mformat -i "$dir/esp.img" -v ESP :: &&
	mmd -i "$dir/esp.img" ::/EFI ::/EFI/BOOT &&
	mcopy -i "$dir/esp.img" "$dir/boot.efi" ::/EFI/BOOT/BOOTX64.EFI &&
	mcopy -i "$dir/esp.img" "$build"/rig/kernel/boot/vmlinuz-* ::/linux.efi &&
	mcopy -i "$dir/esp.img" "$build/rig/guest.cpio" ::/initrd || exit 1

echo 1..5
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
