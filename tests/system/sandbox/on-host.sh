# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host: a guest is running, and its program's threads make calls that
# they never make.
module=$1
accel=/dev/vmm/ctl
[ "$module" = vmm ] || accel=/dev/kvm
truncate -s 1M disk.img

# The main thread takes its filter last of all.
filtered() { grep -q '^Seccomp:.*2$' /proc/$pid/status; }

# start OPTIONS...: a guest that halts for ever, with a disk; its pid in $pid
start() {
	vellum run --accel $accel --quiet --memory 16M --bios spin.bin --debug-exit \
		--disk disk.img "$@" >out 2>&1 </dev/null 3</dev/zero &
	pid=$!
	n=0
	until ./inject $pid vcpu0 getpid >inject.out 2>&1 || [ $n -ge 100 ]; do
		sleep 0.05
		n=$((n + 1))
	done
	[ "$*" != --no-sandbox ] || return 0
	until filtered || [ $n -ge 200 ]; do
		sleep 0.05
		n=$((n + 1))
	done
}

stop() {
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
}

say() { # say STATUS TEXT
	if [ "$1" = 0 ]; then echo "ok - $2"; else
		echo "not ok - $2"
		sed 's/^/# /' out inject.out
	fi
}

# dies THREAD CALL: the call ends the program, with SIGSYS
dies() {
	start
	./inject $pid "$1" "$2" >inject.out 2>&1
	wait $pid
	status=$?
	echo "status $status" >>inject.out
	grep -q '^killed' inject.out && [ $status = 159 ]
	say $? "$2 by thread $1 kills the program"
	stop
}

# lives THREAD CALL RESULT OPTIONS...: the call is made
lives() {
	thread=$1 call=$2 want=$3
	shift 3
	start "$@"
	./inject $pid "$thread" "$call" >inject.out 2>&1
	grep -q "^returned $want\$" inject.out && kill -0 $pid
	say $? "$call by thread $thread${1:+ with $1} goes through"
	stop
}

dies disk open
dies disk socket
dies disk ioctl-irq-line
dies disk-worker execve
dies disk-worker open
dies vcpu0 socket
dies vcpu0 ioctl-create-vm
dies vcpu0 open
dies vellum socket
dies vellum open
lives disk preadv -9
lives vcpu0 ioctl-irq-line -9
lives disk open -14 --no-sandbox

# Which call it was is in the kernel's log.
dmesg | grep -q 'type=1326.*comm="disk-worker".*sig=31.*syscall=59'
say $? "the kernel's log says which call it was"

start
for task in /proc/$pid/task/*; do
	grep -q '^CapEff:.*0000000000000000$' "$task/status" &&
		grep -q '^CapBnd:.*0000000000000000$' "$task/status" &&
		grep -q '^NoNewPrivs:.*1$' "$task/status" &&
		grep -q '^Seccomp:.*2$' "$task/status" || echo "$task"
done >inject.out
[ ! -s inject.out ]
say $? "no thread has capabilities, all have filters"
# Each one more would cost at every KVM_RUN.
for task in /proc/$pid/task/*; do
	grep -q '^vcpu0$' "$task/comm" && grep '^Seccomp_filters:' "$task/status"
done >inject.out
grep -q '^Seccomp_filters:[[:space:]]*1$' inject.out
say $? "a vCPU's thread has one filter"
[ -z "$(ls /proc/$pid/root/)" ]
say $? "the root folder is empty"
[ "$(readlink /proc/$pid/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]
say $? "the mount namespace is its own"
[ "$(readlink /proc/$pid/fd/3)" != /dev/zero ]
say $? "a descriptor that was inherited is closed"
stop

if [ "$module" = vmm ]; then
	# A reset makes a VM of that name anew: its node is opened in the sandbox.
	vellum run --name again --quiet --kernel /guest/vmlinux --initrd /guest/initrd \
		--fast-boot --memory 128M --append 'rig.cmd=reboot,-f' >out 2>&1 </dev/null &
	pid=$!
	n=0
	until [ "$(grep -c 'Restarting system' out)" -ge 2 ] || [ $n -ge 400 ]; do
		sleep 0.1
		n=$((n + 1))
		kill -0 $pid 2>/dev/null || n=400
	done
	[ $n -lt 400 ]
	say $? "a named VM is reset in the sandbox"
	stop
	vellum destroy again
fi
