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

# Two CDs with ISOLINUX, which writes to the serial port by itself on the second:
# Bochs's BIOS doesn't. A floppy, whole and as El Torito has it.
isolinux() { # isolinux NAME MODULE...
	mkdir -p "$dir/$1"
	cp /usr/lib/ISOLINUX/isolinux.bin "$dir/$1/" || return
	for module in "${@:2}"; do
		cp "/usr/lib/syslinux/modules/bios/$module.c32" "$dir/$1/" || return
	done
	printf 'default none\nprompt 1\n' >>"$dir/$1/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$dir/$1.iso" -b isolinux.bin -no-emul-boot \
		-boot-load-size 4 -boot-info-table "$dir/$1" >>"$dir/xorriso.log" 2>&1
}
mkdir -p "$dir/floppy" "$dir/serial"
printf 'serial 0 115200\n' >"$dir/serial/isolinux.cfg"
isolinux tools ldlinux hdt libcom32 libutil libmenu libgpl &&
	isolinux serial ldlinux || exit 1
stage=$from/grub-legacy/usr/lib/grub/x86_64-pc
cat "$stage/stage1" "$stage/stage2" >"$dir/floppy/legacy.img" &&
	truncate -s 1440K "$dir/floppy/legacy.img" &&
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
		--file "$dir/tools.iso" --file "$dir/serial.iso" --file "$dir/floppy.iso" \
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
