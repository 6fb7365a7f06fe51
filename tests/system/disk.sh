#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Disks and CDs: Linux's drivers on them, locks and refusals, GRUB from a CD
# through SeaBIOS; on vmm.ko and, by the same program, on stock KVM.
# ci: no
# rigs: intel amd
# quick: no
# limit: 500
set -u
cd "$(dirname "$0")/../.." || exit
build=${BUILD:-build}
dir=$build/tests/disk.$RIG
kernel=$(echo "$build"/rig/kernel/lib/modules/*/kernel/drivers)
bios=/usr/share/seabios/bios-256k.bin
grub=/usr/lib/grub-rescue/grub-rescue-cdrom.iso

rm -rf "$dir"
mkdir -p "$dir/root/lib/modules-disk"
for module in virtio/virtio virtio/virtio_ring virtio/virtio_pci_legacy_dev \
	virtio/virtio_pci_modern_dev virtio/virtio_pci block/virtio_blk \
	scsi/scsi_common scsi/scsi_mod cdrom/cdrom ata/libata ata/ata_piix \
	scsi/sd_mod scsi/sr_mod; do
	objcopy --strip-unneeded -R .BTF -R .BTF_ids "$kernel/$module.ko" \
		"$dir/root/lib/modules-disk/${module##*/}.ko" || exit 1
done
cp tests/system/disk/guest.sh "$dir/root/t.sh"
head -c 2100000 /dev/urandom >"$dir/cd.iso"
head -c 2048000 "$dir/cd.iso" | md5sum | cut -c 1-32 >"$dir/root/cd.md5"
(cd "$dir/root" && find . -type f -o -type d | cpio -o -H newc 2>/dev/null) >"$dir/more.cpio"
cat "$build/rig/guest.cpio" "$dir/more.cpio" >"$dir/disk.cpio"
truncate -s 8M "$dir/blank.img"
mke2fs -q -F -t ext4 "$dir/blank.img" || exit 1

echo 1..36
number=0
for module in vmm kvm; do
	tests/onrig "$RIG" --module $module --timeout 220 --file "$dir/disk.cpio" \
		--file "$dir/blank.img" --file "$dir/cd.iso" --file "$grub:/root/grub.iso" \
		--file "$bios:/usr/share/seabios/" --file tests/system/disk/on-host.sh \
		-- sh on-host.sh $module >"$dir/$module.log" 2>&1
	status=$?
	while IFS= read -r line; do
		case $line in
		"ok - "* | "not ok - "*)
			number=$((number + 1))
			echo "${line%% - *} $number - $module: ${line#* - }"
			;;
		*) echo "# $line" ;;
		esac
	done <"$dir/$module.log"
	number=$((number + 1))
	if [ $status = 0 ]; then
		echo "ok $number - $module: the host stays healthy"
	else
		echo "not ok $number - $module: the rig ended with status $status"
	fi
done
