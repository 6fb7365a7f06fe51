#!/bin/sh
# SPDX-License-Identifier: MIT
#
# on-host.sh vmm|kvm intel|amd: what tests/system/firmware.sh runs on the
# emulated host.  Prints a TAP line, without a number, for each test.
module=$1 rig=$2
node=/dev/vmm/ctl
[ "$module" = kvm ] && node=/dev/kvm

# is NAME WANTED-STATUS STATUS [WANTED-TEXT]: the text in file `out`
is() {
	if [ "$2" = "$3" ] && { [ -z "${4-}" ] || grep -q -- "$4" out; }; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "status $3, wanted $2 ${4:+and \"$4\"}; output:"
		cat out
	fi
}

run() {
	timeout 20 vellum run --accel $node --quiet --memory 16M "$@" \
		>out 2>&1 </dev/null
	status=$?
}

# ---- the pseudo-BIOS and its state ----
run --bios hypercall.bin
is hypercall-answers-enosys 42 $status
run --bios pseudo.bin --trap vmcall
if [ "$module" = vmm ]; then
	is vmcall-exits 21 $status 'trapped VMCALL: exit reason .*, instruction length 3'
else
	is vmcall-exits 3 $status 'has no traps by policy'
fi
run --load pseudo.bin@0x12345 --entry 1234:5 --trap vmcall
if [ "$module" = vmm ]; then
	is load-and-entry 21 $status 'RIP 0x5 CS 0x1234'
else
	is load-and-entry 3 $status
fi

cat >failed.state <<END
cs.limit = 0		# the state of the failed experiment
cs.ar = 0x209b
idtr.limit = 0
cr0 = 0x30
rflags = 2
END
run --bios pseudo.bin --state failed.state
if [ "$module" = vmm ]; then
	is failed-state 18 $status 'triple fault; RIP 0 CS 0'
else
	is failed-state 4 $status 'refuses this state'
fi
# KVM takes no CS.L outside long mode; all the rest of that state it does.
sed 's/0x209b/0x9b/' failed.state >kvm.state
run --bios pseudo.bin --state kvm.state
if [ "$module-$rig" = kvm-amd ]; then
	# It takes each #GP for itself and gives up here.
	is failed-state-without-l 1 $status 'could not be emulated'
else
	is failed-state-without-l 18 $status 'triple fault'
fi
echo 'cs.limt = 0' >bad.state
run --bios pseudo.bin --state bad.state
is bad-state 4 $status 'line 1: .*is not REGISTER=NUMBER'

# ---- images that can't be ----
run --bios odd.bin
is odd-size 4 $status 'not a multiple of 64 KiB'
run --bios empty.bin
is empty-image 4 $status 'the file is empty'
run --bios missing.bin
is missing-image 4 $status 'No such file'
run --bios pseudo.bin --trap vmcal
is unknown-trap 2 $status "can't be trapped"

# ---- devices ----
for guest in rtc pci hpet; do
	run --bios $guest.bin
	is $guest 42 $status
done
run --bios power_off.bin
is power-off-by-port-0x604 0 $status
run --bios strict.bin --strict-io
is strict-io 19 $status 'read 2 bytes from I/O port 0xfa at RIP 0x1,'
run --bios shadow.bin --debug-exit
is shadow-by-pam 42 $status
printf '\r' | timeout 20 vellum run --accel $node --quiet --memory 16M \
	--keyboard --bios keyboard.bin >out 2>&1
is typed-key 42 $?

# ---- SeaBIOS ----
# seabios NAME TEXT ARGUMENTS...: runs it until TEXT is there
seabios() {
	name=$1 text=$2
	shift 2
	: >out
	timeout 60 vellum run --accel $node --quiet --memory 64M \
		--bios bios-256k.bin "$@" >out 2>&1 </dev/null &
	pid=$!
	n=0
	while ! grep -q -- "$text" out && [ $n -lt 600 ] && kill -0 $pid; do
		sleep 0.1
		n=$((n + 1))
	done
	kill $pid
	wait $pid
	is "$name" 143 $? "$text"
}
seabios seabios-boot-attempt 'No bootable device'
seabios seabios-debug-port 'Found 1 cpu(s) max supported 1 cpu(s)' \
	--debug-port
if grep -q 'Running on QEMU (q35)' out; then
	echo "ok - seabios-knows-the-chipset"
else
	echo "not ok - seabios-knows-the-chipset"
	head -20 out
fi
