# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# boot-on-host.sh vmm|kvm: boot sectors through SeaBIOS; disks and images that
# fail, and are refused.
accel=/dev/vmm/ctl
[ "$1" = vmm ] || accel=/dev/kvm
mkdir -p small readonly

say() { # say STATUS TEXT
	if [ "$1" = 0 ]; then echo "ok - $2"; else
		echo "not ok - $2"
		tr -d '\r' <out | sed 's/^/# /'
	fi
}
run() {
	timeout 60 vellum run --accel $accel --quiet --memory 64M --debug-exit "$@" >out 2>&1
	status=$?
	echo "status $status" >>out
}

# ---- small systems ----
for bus in virtio ata; do
	(sleep 2; printf k; sleep 8) | run --disk BIOS.img,bus=$bus
	grep -q 'boot: hello' out && grep -q 'boot: passed' out && grep -q 'status 42' out
	say $? "real mode by the BIOS: text, disk, memory, clock, a key ($bus)"
done
(sleep 4; printf k; sleep 8) | run --keyboard --disk BIOS.img
grep -q 'boot: passed' out && grep -q 'status 42' out
say $? "the BIOS hears the keyboard"
run --disk RETURN.img </dev/null
[ "$(grep -c 'boot: back' out)" = 4 ] && grep -q 'status 42' out
say $? "back from protected mode by a reset of the processor, in four ways"
for boot in PROT PAE LONG; do
	run --disk $boot.img </dev/null
	[ $status = 42 ]
	case $boot in
	PROT) say $? "32-bit protected mode with paging, faults and interrupts" ;;
	PAE) say $? "32-bit protected mode with PAE" ;;
	LONG) say $? "long mode from a boot sector" ;;
	esac
done

# ---- disks that fail while they are in use ----
mount -t tmpfs -o size=256k none small
for bus in virtio ata; do
	cp FAILING.img small/disk.img
	truncate -s 2M small/disk.img
	run --disk small/disk.img,bus=$bus </dev/null
	[ $status = 42 ] && grep -q 'boot: error' out &&
		[ "$(grep -c 'No space left on device; the guest sees an I/O error (said once)' out)" = 1 ]
	say $? "a full file system is an I/O error for the guest ($bus)"

	cp FAILING.img cut.img
	truncate -s 2M cut.img
	: >out			# the last guest was ready too
	run --disk cut.img,bus=$bus </dev/null &
	job=$!
	n=0
	until grep -q 'boot: ready' out || [ $n -ge 300 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	truncate -s 8K cut.img
	wait $job
	grep -q 'status 42' out && grep -q 'boot: error' out &&
		[ "$(grep -c 'the file has become smaller than it was at the start' out)" = 1 ]
	say $? "a file that is cut is an I/O error for the guest ($bus)"
done
umount small

# ---- what is refused ----
refused() { # refused TEXT PATTERN OPTIONS...
	text=$1 pattern=$2
	shift 2
	run "$@" </dev/null
	[ $status = 4 ] && grep -q -- "$pattern" out
	say $? "$text"
}
cp PROT.img readonly/disk.img
mount -t tmpfs none readonly
cp PROT.img readonly/disk.img
cp PROT.img readonly/vars.fd
mount -o remount,ro readonly
refused "a disk on a read-only file system, unless ,ro" \
	'can.t open it for writing: Read-only file system.*,ro' --disk readonly/disk.img
run --disk readonly/disk.img,ro </dev/null
[ $status = 42 ]
say $? "a disk on a read-only file system with ,ro"
refused "variables on a read-only file system" \
	'--vars readonly/vars.fd: Read-only' --bios bios-256k.bin --vars readonly/vars.fd
umount readonly
refused "a directory for a disk" '[Ii]s a directory' --disk readonly
refused "a disk that is not there" 'No such file' --disk none.img
: >empty.img
refused "an empty disk" 'the file is empty' --disk empty.img
refused "an empty BIOS" 'the file is empty' --bios empty.img
truncate -s $((16 * 1048576 + 65536)) large.img
refused "a BIOS of more than 16 MiB" 'more than firmware can have' --bios large.img
refused "firmware of more than 16 MiB" 'more than firmware can have' --firmware large.img
truncate -s $((2880 * 1024 + 1)) odd.img
refused "a floppy of more than 2880 KiB" 'is it for --disk' --floppy odd.img
truncate -s 4095 odd.img
refused "firmware that is no multiple of 4 KiB" 'not a multiple of 4 KiB' --firmware odd.img
truncate -s $((65536 + 4096)) odd.img
refused "a BIOS that is no multiple of 64 KiB" 'not a multiple of 64 KiB' --bios odd.img

truncate -s 64K vars.fd
run --bios bios-256k.bin --vars vars.fd </dev/null &
first=$!
n=0
until grep -q 'No bootable device' out || [ $n -ge 300 ]; do
	sleep 0.1
	n=$((n + 1))
done
vellum run --accel $accel --quiet --bios bios-256k.bin --vars vars.fd >out2 2>&1 </dev/null
[ $? = 4 ] && grep -q 'in use by another guest' out2
say $? "one file of variables, two guests"
kill $first
kill "$(pidof vellum)" 2>/dev/null
wait $first

# ---- garbage ----
# Of stock KVM in QEMU one run in three hung here with seed 3, the host idle and even
# timeout(1) without effect: QEMU loses the host's interrupts, it seems (emulators.md,
# "VMRUN with V_IRQ"). So it is not asked there.
seeds="1 2 3"
[ "$1" = kvm ] && grep -q '^flags.* svm' /proc/cpuinfo && seeds=
for seed in $seeds; do
	printf '\001\000\000\000' | tr '\001' "\\00$seed" >seed
	cp blank.img garbage.img
	timeout 90 vellum run --accel $accel --quiet --memory 32M --no-reboot --debug-exit --pci \
		--disk garbage.img --disk garbage2.img,bus=ata --flat garbage.bin@0x100000 \
		--flat seed@0x1ff000 --entry 0x100000 >out 2>&1 </dev/null
	status=$?
	echo "status $status" >>out
	case $status in
	42 | 0 | 16 | 17) true ;;
	*) false ;;
	esac
	say $? "garbage to every port and register, seed $seed"
done
