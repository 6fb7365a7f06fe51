#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Ticks from the program's start to SeaBIOS's boot attempt, to GRUB, and to the
# kernel's first line, from a virtio disk, on vmm.ko and on stock KVM with the same
# program: RIG=intel (Bochs, where a tick is an instruction) or amd; BUS=ata.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
dir=$build/bench/boot
first=2048 # sector of the partition
mkdir -p "$dir/root"
gcc -O2 -Wall -static -o "$dir/boot" bench/boot.c
cp "$build"/rig/kernel/boot/vmlinuz-* "$dir/root/linux"
cp "$build/rig/guest.cpio" "$dir/root/initrd"
cat >"$dir/grub.cfg" <<-'END'
	serial --unit=0 --speed=115200
	terminal_output serial
	echo GRUB is here
	linux (hd0,msdos1)/linux console=ttyS0 earlyprintk=ttyS0 mitigations=off nokaslr
	initrd (hd0,msdos1)/initrd
	boot
END
grub-mkimage -O i386-pc -p '(hd0,msdos1)/' -c "$dir/grub.cfg" -o "$dir/core" \
	biosdisk part_msdos ext2 linux serial terminal echo boot
rm -f "$dir/fs" "$dir/disk"
truncate -s 23M "$dir/fs"
mke2fs -q -F -t ext2 -d "$dir/root" "$dir/fs"
truncate -s 24M "$dir/disk"
echo "$first,,83,*" | sfdisk -q "$dir/disk"
dd if=/usr/lib/grub/i386-pc/boot.img of="$dir/disk" bs=440 count=1 conv=notrunc status=none
dd if="$dir/core" of="$dir/disk" bs=512 seek=1 conv=notrunc status=none
dd if="$dir/fs" of="$dir/disk" bs=1M seek=1 conv=notrunc status=none
for module in ${MODULES:-vmm kvm}; do
	accel=/dev/vmm/ctl
	[ $module = vmm ] || accel=/dev/kvm
	echo "$module (${RIG:-intel}, ${BUS:-virtio}):"
	tests/onrig "${RIG:-intel}" --module $module --no-guest --timeout 280 \
		--file "$dir/boot" --file "$dir/disk" \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ -- \
		./boot 'Booting from' 'GRUB is here' 'Linux version' -- \
		vellum run --accel $accel --quiet --memory 256M --disk "disk,bus=${BUS:-virtio}"
done
