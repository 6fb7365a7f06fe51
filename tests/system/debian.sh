#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A real system from disk: what `make debian-disk` makes, through SeaBIOS and GRUB to
# its login, a file written, a reboot from within, the file still there, power-off.
# CASES="MODULE/BUS ..." chooses; RIG=intel works too, and takes ten minutes.
# rigs: amd
# quick: no
# ci: no
# limit: 1200
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/debian.$RIG
image=$build/images/debian-base.img
cases=${CASES:-vmm/virtio vmm/ata kvm/virtio}
mkdir -p "$dir"
set -- $cases
echo "1..$((10 * $#))"
if [ ! -e "$image" ]; then
	echo "# $image is missing: making it, which takes some minutes"
	make "$image" 2>&1 | sed 's/^/# /'
fi
number=0
for case; do
	module=${case%/*} bus=${case#*/} accel=/dev/vmm/ctl
	[ "$module" = vmm ] || accel=/dev/kvm
	cp --sparse=always "$image" "$dir/disk.img" || exit 1
	tests/system/debian.exp tests/onrig "$RIG" --module "$module" --no-guest \
		--timeout 1000 -i --disk "$dir/disk.img" \
		--file /usr/share/seabios/bios-256k.bin:/usr/share/seabios/ \
		-- vellum run --accel $accel --memory 256M --disk "/dev/sda,bus=$bus" \
		>"$dir/$module.$bus.log" 2>&1
	before=$number
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		"ok "*" - "* | "not ok "*" - "*)
			number=$((number + 1))
			echo "${line%%[0-9]*}$number - $module, $bus: ${line#* - }"
			;;
		"# after "*) echo "$line" ;;
		esac
	done < <(grep -aE '^((not )?ok|# after) ' "$dir/$module.$bus.log")
	[ $((number - before)) = 10 ] ||
		tail -c 1500 "$dir/$module.$bus.log" | tr -dc '[:print:]\n' | sed 's/^/# /'
done
rm -f "$dir/disk.img"
