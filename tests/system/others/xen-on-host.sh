# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/others.sh: Xen, a Multiboot kernel, with Debian's
# kernel and its initrd as modules, until that kernel, in its domain 0, starts a program.
# Without SMAP: QEMU's IRET in ring 3 reads the stack as ring 0 would (docs/emulators.md).
# Seldom looked at, since looking costs it time.
accel=/dev/vmm/ctl
[ "$1" = vmm ] || accel=/dev/kvm

vellum run --accel $accel --quiet --pci --memory 768M --kernel xen \
	--append 'com1=115200,8n1 console=com1 smap=0' \
	--initrd '/guest/vmlinuz,dom0 console=hvc0 earlyprintk=xen' --initrd /guest/initrd \
	>out 2>&1 </dev/null &
pid=$!
left=60
until grep -q 'as init process' out || [ $left = 0 ] || ! kill -0 $pid 2>/dev/null; do
	left=$((left - 1))
	sleep 2
done
kill $pid
if grep -q '^(XEN) Bootloader: Vellum' out && grep -q 'as init process' out; then
	echo 'ok - Xen starts, and Linux in its domain 0'
else
	tail -n 20 out | sed 's/^/# /'
	echo 'not ok - Xen starts, and Linux in its domain 0'
fi
