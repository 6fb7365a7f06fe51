# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host: disks for a Linux guest, CDs for SeaBIOS, and what is wrong.
module=$1
accel=/dev/vmm/ctl
[ "$module" = vmm ] || accel=/dev/kvm
say() { # say STATUS TEXT
	if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; fi
}
run() { vellum run --accel $accel --quiet "$@"; }
linux() {
	run --kernel /guest/vmlinux --initrd /root/disk.cpio --fast-boot --memory 256M \
		--append 'rig.cmd=sh,/t.sh' "$@"
}
refused() { # refused STATUS PATTERN OPTIONS...
	want=$1 pattern=$2
	shift 2
	run --kernel /guest/vmlinux "$@" >/root/out 2>&1
	got=$?
	[ $got = "$want" ] && grep -q "$pattern" /root/out && return 0
	echo "# status $got, not $want with \"$pattern\":"
	sed 's/^/# /' /root/out
	return 1
}

cp blank.img v.img
cp blank.img r.img
cp blank.img a.img
linux --disk v.img --disk r.img,ro --disk a.img,bus=ata --cdrom cd.iso 2>&1 |
	tr -d '\r' | grep -E '^(ok|not ok|#) '

# Two programs, one image.
vellum run --accel $accel --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot --memory 128M \
	--append 'rig.cmd=sleep,60' --disk v.img >/dev/null 2>&1 &
first=$!
sleep 2
refused 4 'in use by another guest' --disk v.img
say $? 'an image has one writer'
kill -9 $first
wait $first 2>/dev/null
: >empty.img
refused 4 'the file is empty' --disk empty.img
say $? 'an empty image is refused'
refused 4 'No such file' --disk nowhere.img
say $? 'a missing image is refused'
refused 2 'virtio and ata' --disk v.img,bus=scsi
say $? 'an unknown bus is refused'

# What was flushed is there when the program is killed.
# shellcheck disable=SC2016 # the guest expands it
printf 'set -e\ncd /lib/modules-disk\nfor m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do insmod ./$m.ko; done\nmkdir /m\nmount -t ext4 /dev/vda /m\necho precious >/m/file\nsync\necho flushed\nsleep 100\n' >t.sh
echo t.sh | cpio -o -H newc 2>/dev/null >t.cpio
cat disk.cpio t.cpio >flush.cpio
vellum run --accel $accel --kernel /guest/vmlinux --initrd flush.cpio --fast-boot --memory 256M \
	--append 'rig.cmd=sh,/t.sh' --disk v.img >flush.out 2>&1 &
pid=$!
for _ in $(seq 300); do
	grep -q '^flushed' flush.out && break
	sleep 0.2
done
kill -9 $pid
wait $pid 2>/dev/null
grep -q precious v.img
result=$?
say $result 'what was flushed survives kill -9'
[ $result = 0 ] || tail -n 15 flush.out | sed 's/^/# /'

# GRUB from its CD, to its menu, which it paints in pieces.
menu() { sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' grub.out | tr -d '\r\n' | grep -q 'highlighted entry'; }
sleep 60 | timeout 60 vellum run --accel $accel --quiet --memory 128M --cdrom grub.iso \
	>grub.out 2>&1 &
for _ in $(seq 250); do
	menu && break
	sleep 0.2
done
menu
result=$?
say $result 'GRUB starts from its CD and shows its menu'
[ $result = 0 ] || tail -c 600 grub.out | od -c | sed 's/^/# /'
killall vellum sleep 2>/dev/null
exit 0
