#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The stock kernel from a CD: SeaBIOS, ISOLINUX, Linux, power-off.
# ci: no
# rigs: amd
# quick: no
# limit: 400
set -u
cd "$(dirname "$0")/../.." || exit
build=${BUILD:-build}
dir=$build/tests/isolinux
rm -rf "$dir"
mkdir -p "$dir/cd/isolinux"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$dir/cd/isolinux/" &&
	cp "$build"/rig/kernel/boot/vmlinuz-* "$dir/cd/linux" &&
	cp "$build/rig/guest.cpio" "$dir/cd/initrd" || exit 1
cat >"$dir/cd/isolinux/isolinux.cfg" <<-END
	serial 0 115200
	default linux
	prompt 0
	label linux
	  kernel /linux
	  append initrd=/initrd console=ttyS0 quiet mitigations=off nokaslr cryptomgr.notests rig.cmd=echo,from-the-CD
END
xorriso -as mkisofs -quiet -o "$dir/cd.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
	-no-emul-boot -boot-load-size 4 -boot-info-table "$dir/cd" >"$dir/xorriso.log" 2>&1 || exit 1

echo 1..6
number=0
result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}
for module in vmm kvm; do
	accel=/dev/vmm/ctl
	[ $module = vmm ] || accel=/dev/kvm
	log=$dir/$module.log
	tests/onrig "$RIG" --module $module --no-guest --timeout 160 --file "$dir/cd.iso" \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ -- \
		vellum run --accel $accel --memory 256M --cdrom cd.iso >"$log" 2>&1 </dev/null
	status=$?
	grep -aq 'ISOLINUX' "$log"
	result $? "$module: ISOLINUX comes from the CD"
	grep -aEq '(^|[^,])from-the-CD' "$log"	# after ISOLINUX's escapes, not what echoes the line
	result $? "$module: its kernel runs what its command line says"
	result $status "$module: the guest powers off (status $status)"
	[ $status = 0 ] || tail -c 800 "$log" | sed 's/^/# /'
done
