#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guests that nobody here wrote: GRUB, memtest86+, GNU Mach, MEMDISK, iPXE, U-Boot, Xen.
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

set -- ${MODULES:-vmm}
echo "1..$((9 * $#))"
number=0
for module; do
	tests/onrig "$RIG" --module "$module" --no-guest --timeout 400 \
		--file "$dir/others.img" --file /usr/lib/grub-rescue/grub-rescue-cdrom.iso \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ \
		--file "$from/ipxe/usr/lib/ipxe/ipxe.iso" \
		--file "$from/u-boot-qemu/usr/lib/u-boot/qemu-x86/u-boot.rom" \
		--file "$from/u-boot-qemu/usr/lib/u-boot/qemu-x86_64/u-boot.rom:u-boot64.rom" \
		--file tests/system/firmware/drive.sh --file tests/system/others/on-host.sh \
		-- sh on-host.sh "$module" >"$dir/$module.log" 2>&1
	take_lines "$dir/$module.log"
	tests/onrig "$RIG" --module "$module" --memory 1536 --timeout 150 --file "$dir/xen" \
		--file tests/system/firmware/drive.sh --file tests/system/others/xen-on-host.sh \
		-- sh xen-on-host.sh "$module" >"$dir/$module.xen.log" 2>&1
	take_lines "$dir/$module.xen.log"
done
