#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Ticks per 4 KiB through virtio-blk, on vmm.ko and on stock KVM with the same
# program: RIG=intel (Bochs, where a tick is an instruction) or amd.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
rig=${RIG:-intel}
counting=()
[ "$rig" = intel ] || counting=(--icount)	# else its TSC counts time
make all rig-parts >&2
dir=$build/bench/disk
kernel=$(echo "$build"/rig/kernel/lib/modules/*/kernel/drivers)
mkdir -p "$dir/root/lib/modules-disk"
gcc -O2 -Wall -static -o "$dir/root/disk" bench/disk.c
for module in virtio/virtio virtio/virtio_ring virtio/virtio_pci_legacy_dev \
	virtio/virtio_pci_modern_dev virtio/virtio_pci block/virtio_blk; do
	objcopy --strip-unneeded -R .BTF -R .BTF_ids "$kernel/$module.ko" \
		"$dir/root/lib/modules-disk/${module##*/}.ko"
done
cat >"$dir/root/t.sh" <<-'END'
	cd /lib/modules-disk
	for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
		insmod ./$m.ko
	done
	/disk /dev/vda
END
(cd "$dir/root" && find . -type f -o -type d | cpio -o -H newc 2>/dev/null) >"$dir/more.cpio"
cat "$build/rig/guest.cpio" "$dir/more.cpio" >"$dir/disk.cpio"
truncate -s 8M "$dir/blank.img"
for module in ${MODULES:-vmm kvm}; do
	accel=/dev/vmm/ctl
	[ "$module" = vmm ] || accel=/dev/kvm
	echo "$module ($rig):"
	tests/onrig "$rig" "${counting[@]}" --module "$module" --timeout 300 --file "$dir/disk.cpio" \
		--file "$dir/blank.img" -- vellum run --accel $accel --quiet \
		--kernel /guest/vmlinux --initrd disk.cpio --fast-boot --memory 256M \
		--append 'rig.cmd=sh,/t.sh' --disk blank.img 2>&1 | grep -a DISK || echo "  failed"
done
