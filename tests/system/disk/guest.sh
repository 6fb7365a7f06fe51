# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# In the guest: what Linux's drivers make of the disks. vda and sda take writes,
# vdb does not, sr0 is a CD.
cd /lib/modules-disk || exit 1
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
	virtio_blk scsi_common scsi_mod cdrom libata ata_piix sd_mod sr_mod; do
	insmod ./$m.ko || echo "# can't load $m"
done
cd /
try() {
	what=$1
	shift
	if "$@" >/tmp/out 2>&1; then
		echo "ok - $what"
	else
		echo "not ok - $what"
		sed 's/^/# /' /tmp/out
	fi
}
appears() {
	i=0
	until [ -b "/dev/$1" ]; do
		i=$((i + 1))
		[ $i -lt 50 ] || return 1
		sleep 0.1
	done
}
write_and_read() {
	mkdir -p /m && mount -t ext4 "/dev/$1" /m || return 1
	head -c 3000000 /dev/urandom >/m/x && cp /m/x /tmp/x && sync && umount /m || return 1
	echo 3 >/proc/sys/vm/drop_caches
	mount -t ext4 "/dev/$1" /m && cmp /m/x /tmp/x
	status=$?
	[ "$1" != vda ] || fstrim /m || status=1
	rm -f /m/x
	umount /m
	return $status
}
refuses_writes() { ! dd if=/dev/zero of=/dev/vdb bs=512 count=1 conv=fsync; }
interrupts() { grep "$1" /proc/interrupts | grep -qv '^ *[0-9]*: *0 '; }
serial() { [ "$(cat "/sys/block/$1/serial")" = "$2" ]; }
cd_reads() { [ "$(head -c 2048000 /dev/sr0 | md5sum | cut -c 1-32)" = "$(cat /cd.md5)" ]; }
dma() { cat /sys/class/ata_device/dev1.0/dma_mode && grep -q DMA /sys/class/ata_device/dev1.0/dma_mode; }

try 'virtio: the disk appears' appears vda
try 'virtio: a file system keeps what is written' write_and_read vda
try 'virtio: requests are answered by MSI-X' interrupts virtio0-req
try 'virtio: serial number' serial vda vellum-disk0
try 'virtio: a disk with ,ro can be read' dd if=/dev/vdb of=/dev/null bs=64k count=16
try 'virtio: a disk with ,ro refuses to be written' refuses_writes
try 'ATA: the disk appears' appears sda
try 'ATA: the driver uses DMA' dma
try 'ATA: a file system keeps what is written' write_and_read sda
try 'ATAPI: the CD appears' appears sr0
try 'ATAPI: the CD reads as the image' cd_reads
