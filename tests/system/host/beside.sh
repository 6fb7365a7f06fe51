#!/bin/sh
# SPDX-License-Identifier: MIT
# beside.sh intel|amd: no module, no permission, VMX or SVM in use; vmm.ko and stock KVM
# side by side; /dev/kvm of vmm.ko's.
. ./lib.sh
modules=/lib/modules-rig
printf '\373\353\376' >loop.bin			# sti; jmp .
loop="--quiet --memory 64M --flat loop.bin@0x100000 --entry 0x100000"

load_kvm() { insmod $modules/irqbypass.ko; insmod $modules/kvm.ko; insmod "$modules/kvm-$1.ko"; }
unload_kvm() { rmmod "kvm_$1"; rmmod kvm irqbypass; }

# says STATUS PATTERN COMMAND...: ends so, with one line that matches
says() {
	want=$1 pattern=$2
	shift 2
	"$@" </dev/null >out 2>&1
	[ $? = "$want" ] && [ "$(wc -l <out)" = 1 ] && grep -q "$pattern" out
}

# does not load, and the kernel's log says why
no_load() { # PATTERN ARGUMENT...
	pattern=$1
	shift
	dmesg -c >/dev/null
	! insmod $modules/vmm.ko "$@" 2>/dev/null || return 1
	log_of_vmm >out
	[ "$(wc -l <out)" = 1 ] && grep -q "$pattern" out && ! test -e /dev/vmm
}

start() {
	# shellcheck disable=SC2086
	vellum run $loop --accel "$1" >loop.out 2>&1 &
	pid=$!
	usleep 500000
}

end() {
	kill $pid
	wait $pid 2>/dev/null
	usleep 300000
}

# shellcheck disable=SC2086
ok "no module: status 3, one line" says 3 'vmm.ko is not loaded' vellum run $loop
insmod $modules/vmm.ko gid=1234
chmod 755 /root
printf '%s\n' root:x:0:0::/:/bin/sh stranger:x:1000:1000::/:/bin/sh \
	friend:x:1001:1234::/:/bin/sh >/etc/passwd
ok "no permission: status 3, one line" says 3 'permission denied' \
	su stranger -c "vellum run $loop"
ok "gid=: a member of that group may" sh -c 'su friend -c "vellum info" >out 2>&1'
rmmod vmm

load_kvm "$1"
start /dev/kvm
ok "KVM runs a VM: vmm.ko does not load, 'in use'" no_load 'is in use'
end
insmod $modules/vmm.ko
start /dev/kvm
# shellcheck disable=SC2086
ok "KVM runs a VM: vmm.ko makes none: status 3, 'in use'" says 3 'in use' vellum run $loop
ok "KVM's VM goes on" kill -0 $pid
end
start /dev/vmm/ctl
ok "after that, vmm.ko runs a VM" kill -0 $pid
ok "rmmod is refused meanwhile" sh -c '! rmmod vmm 2>out'
end
ok "all is given back" await 30 nothing_held
ok "tests pass on stock KVM beside an idle vmm.ko" \
	sh -c 'guest-tests --accel /dev/kvm "basic/*" >out 2>&1'
ok "tests pass on vmm.ko beside an idle KVM" \
	sh -c 'guest-tests --accel /dev/vmm/ctl "basic/*" >out 2>&1'
rmmod vmm
ok "kvm=1 while KVM has /dev/kvm: does not load" no_load '/dev/kvm is taken' kvm=1
ok "... and KVM's stays" sh -c 'guest-tests --accel /dev/kvm "basic/long*" >out 2>&1'
unload_kvm "$1"
ok "KVM is gone" sh -c '! test -e /dev/kvm'

insmod $modules/vmm.ko kvm=1
ok "kvm=1: /dev/kvm is there, 0660" [ "$(stat -c %a /dev/kvm)" = 660 ]
# shellcheck disable=SC2086
vellum run --accel /dev/kvm --kernel /guest/vmlinux --initrd /guest/initrd --fast-boot \
	--append rig.cmd=uname,-a </dev/null >out 2>&1
status=$?
ok "kvm=1: Linux boots on /dev/kvm" sh -c "[ $status = 0 ] && grep -q 'Linux (none) 6' out"
ok "kvm=1: and it is vmm.ko that counts its exits" grep -q 'exits by reason, counted by vmm.ko' out
ok "kvm=1: tests pass on /dev/kvm" sh -c 'guest-tests --accel /dev/kvm "basic/*" >out 2>&1'
# That stock KVM does not load then is not tried: where it fails to register /dev/kvm
# Linux 6.1's leaves its syscore operations behind, and dies of them the next time.
start /dev/kvm
ok "kvm=1: rmmod is refused while a VM lives on /dev/kvm" sh -c '! rmmod vmm 2>out'
end
ok "kvm=1: the module unloads, and /dev/kvm with it" sh -c 'rmmod vmm && ! test -e /dev/kvm'
