#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guests that nobody here wrote: GRUB, memtest86+, GNU Mach, MEMDISK, iPXE, U-Boot, Xen,
# ISOLINUX with HDT, GRUB Legacy from floppies, Bochs's BIOS.
# MODULES="vmm kvm" tries them on stock KVM too.
# rigs: amd
# ci: no
# quick: no
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/others.$RIG
from=$build/rig/others

rm -rf "$dir"
mkdir -p "$dir/root"
echo 'hello from the disk' >"$dir/root/hello"
cp "$from"/memtest86+/boot/memtest86+*.bin /usr/lib/syslinux/memdisk "$dir/root/" &&
	gzip -dc "$from"/gnumach-*/boot/gnumach-*.gz >"$dir/root/gnumach" &&
	gzip -dc "$from"/xen-*/boot/xen-*.gz >"$dir/xen" &&
	cp /usr/lib/grub-rescue/grub-rescue-floppy.img "$dir/root/floppy.img" &&
	truncate -s 4M "$dir/others.img" &&
	mke2fs -q -F -t ext2 -d "$dir/root" "$dir/others.img" || exit 1

take_lines() { # take_lines FILE: what a script said on the host, with numbers
	local line
	while IFS= read -r line; do
		case $line in
		"ok - "* | "not ok - "*)
			number=$((number + 1))
			echo "${line%% - *} $number - $module: ${line#* - }"
			;;
		*) printf '# %s\n' "${line//[^[:print:]]/}" ;;
		esac
	done <"$1"
}

# A CD with Syslinux's own programs, and a floppy whole and as El Torito has it
stage=$from/grub-legacy/usr/lib/grub/x86_64-pc
mkdir -p "$dir/cd" "$dir/floppy"
cp /usr/lib/ISOLINUX/isolinux.bin "$dir/cd/" || exit 1
for name in ldlinux hdt libcom32 libutil libmenu libgpl; do
	cp "/usr/lib/syslinux/modules/bios/$name.c32" "$dir/cd/" || exit 1
done
printf 'serial 0 115200\ndefault none\nprompt 1\n' >"$dir/cd/isolinux.cfg"
cat "$stage/stage1" "$stage/stage2" >"$dir/floppy/legacy.img" &&
	truncate -s 1440K "$dir/floppy/legacy.img" &&
	xorriso -as mkisofs -quiet -o "$dir/tools.iso" -b isolinux.bin -no-emul-boot \
		-boot-load-size 4 -boot-info-table "$dir/cd" >"$dir/xorriso.log" 2>&1 &&
	xorriso -as mkisofs -quiet -o "$dir/floppy.iso" -b legacy.img \
		"$dir/floppy" >>"$dir/xorriso.log" 2>&1 || exit 1

set -- ${MODULES:-vmm}
echo "1..$((13 * $#))"
number=0
for module; do
	tests/onrig "$RIG" --module "$module" --no-guest --timeout 400 \
		--file "$dir/others.img" --file /usr/lib/grub-rescue/grub-rescue-cdrom.iso \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ \
		--file "$from/ipxe/usr/lib/ipxe/ipxe.iso" \
		--file "$from/u-boot-qemu/usr/lib/u-boot/qemu-x86/u-boot.rom" \
		--file "$from/u-boot-qemu/usr/lib/u-boot/qemu-x86_64/u-boot.rom:u-boot64.rom" \
		--file "$dir/tools.iso" --file "$dir/floppy.iso" \
		--file "$dir/floppy/legacy.img" \
		--file /usr/share/bochs/BIOS-bochs-latest \
		--file tests/system/firmware/drive.sh --file tests/system/others/on-host.sh \
		-- sh on-host.sh "$module" >"$dir/$module.log" 2>&1
	take_lines "$dir/$module.log"
	tests/onrig "$RIG" --module "$module" --memory 1536 --timeout 150 --file "$dir/xen" \
		--file tests/system/firmware/drive.sh --file tests/system/others/xen-on-host.sh \
		-- sh xen-on-host.sh "$module" >"$dir/$module.xen.log" 2>&1
	take_lines "$dir/$module.xen.log"
done
