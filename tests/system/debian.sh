#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A real system from disk: `make debian-disk`'s image, on virtio and on ATA.
# ci: no
# rigs: amd
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit
build=${BUILD:-build}
dir=$build/tests/debian
image=$build/images/debian.img
if [ ! -e "$image" ]; then
	echo "1..1"
	echo "ok 1 - Debian from disk # SKIP no image: run make debian-disk"
	exit 0
fi
mkdir -p "$dir"
echo 1..20
number=0
# vmm.ko hands string I/O to user space an element at a time: 20 MB of kernel read by
# the BIOS's PIO take too long there for a test.
for bus in ${DISK_BUS:-virtio ata}; do
	cp --sparse=always "$image" "$dir/disk.img"
	module=vmm accel=/dev/vmm/ctl
	[ "$bus" = virtio ] || module=kvm accel=/dev/kvm
	tests/system/debian.exp tests/onrig "$RIG" --module $module --no-guest \
		--timeout 600 -i --disk "$dir/disk.img" \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ \
		-- vellum run --accel $accel --memory 256M --disk "/dev/sda,bus=$bus" >"$dir/$bus.log" 2>&1
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		"ok "*" - "* | "not ok "*" - "*)
			number=$((number + 1))
			echo "${line%%[0-9]*}$number - $bus: ${line#* - }"
			;;
		esac
	done < <(grep -aE '^(not )?ok ' "$dir/$bus.log")
	[ $number = 10 ] || [ $number = 20 ] || tail -c 1500 "$dir/$bus.log" | sed 's/^/# /'
done
rm -f "$dir/disk.img"
