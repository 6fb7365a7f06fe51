#!/bin/sh
# SPDX-License-Identifier: MIT
#
# on-host.sh vmm|kvm: what tests/system/no-ug.sh runs on an emulated host whose CPU
# has no unrestricted guest.  Prints a TAP line, without a number, for each test.
module=$1
node=/dev/vmm/ctl
[ "$module" = kvm ] && node=/dev/kvm

# is NAME WANTED-STATUS STATUS [WANTED-TEXT]: the text in file `out`
is() {
	if [ "$2" = "$3" ] && { [ -z "${4-}" ] || grep -q -- "$4" out; }; then
		echo "ok - $module: $1"
	else
		echo "not ok - $module: $1"
		echo "status $3, wanted $2 ${4:+and \"$4\"}; output:"
		tail -20 out
	fi
}
run() {
	timeout 20 vellum run --accel $node --quiet --memory 16M "$@" >out 2>&1 </dev/null
	status=$?
}
# 100 M ticks a second
ticks() { awk '{ printf "%d\n", $1 * 100 }' /proc/uptime; }
# start OPTIONS...: a guest in the background, whose console goes to `out`
start() {
	begin=$(ticks)
	: >out
	sleep 100 | timeout 100 vellum run --accel $node --quiet "$@" >out 2>&1 &
}
# GRUB places each character on the screen.
plain() { sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' out | tr -d '\r\n'; }
# says NAME TEXT PAUSE: does it come to say that? It is looked at rarely: that costs, too.
says() {
	until plain | grep -q "$2" || [ $(($(ticks) - begin)) -gt 9000 ]; do
		usleep "$3"
	done
	echo "$1: $(($(ticks) - begin)) M ticks"
	killall vellum
	plain | grep -q "$2"
	is "$1" 0 $?
}

run --bios pseudo.bin --trap vmcall
if [ "$module" = vmm ]; then
	is pseudo-bios 21 $status 'trapped VMCALL: exit reason 18.*, instruction length 3'
	run --bios fld1.bin
	is unknown-instruction-is-named 1 $status \
		'could not be emulated: d9 e8 (fld1) at 0:0x4, linear 0x4'
else
	is pseudo-bios 3 $status 'has no traps by policy'
fi
start --memory 64M --bios bios-256k.bin
says seabios-boot-attempt 'No bootable device' 50000
start --memory 128M --cdrom grub.iso
says grub-menu 'highlighted entry' 200000
timeout 100 vellum run --accel $node --fast-boot --kernel /guest/vmlinux \
	--initrd /guest/initrd --append 'rig.cmd=echo,from-the-guest' >out 2>&1 </dev/null
is linux-directly 0 $? '^from-the-guest'
