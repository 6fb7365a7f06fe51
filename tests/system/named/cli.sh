#!/bin/sh
# SPDX-License-Identifier: MIT
# On the rig: the program's commands on a named VM. Prints TAP.
n=0
check() { # WHAT COMMAND...
	what=$1
	shift
	n=$((n + 1))
	if "$@" >/tmp/check.out 2>&1; then
		echo "ok $n - $what"
	else
		sed 's/^/# /' /tmp/check.out
		echo "not ok $n - $what"
	fi
}
not() { ! "$@"; }
finds() { # PATTERN COMMAND...
	pattern=$1
	shift
	"$@" >/tmp/finds.out 2>&1
	grep -Eq "$pattern" /tmp/finds.out || { cat /tmp/finds.out; return 1; }
}
client() { vellum run cli --quiet </dev/null >/dev/null 2>&1 & pid=$!; }
running() { # waits for the VM's exits to be counted
	i=0
	while [ $i -lt 100 ]; do
		vellum list | grep -q '^cli .*running' && return 0
		i=$((i + 1))
		sleep 0.1
	done
	return 1
}

check "create" vellum create cli
check "list shows it" finds '^cli +new' vellum list
check "an empty one is not run" finds 'is empty' vellum run cli
check "load" vellum load cli --flat count.bin@0x1000 --entry 0:1000 --mode real --memory 4M
check "it is loaded once" finds 'loaded already' vellum load cli --flat count.bin@0x1000 --entry 0:1000 --mode real
client
check "run" running
check "registers" finds 'rip 000000000000100[0-6]' vellum regs cli
check "registers as JSON" finds '"rip": "0x100[0-6]"' vellum regs cli --json
check "every field by name" finds '(GUEST_RIP|  0578 RIP) +100[0-6]' vellum vmcs cli
check "fields as JSON" finds '"decoded"' vellum vmcs cli --json
check "what changes" finds 'exits between' vellum vmcs cli --diff 0
check "exits and latencies" finds 'ticks until the guest ran again' vellum stats cli
check "statistics as JSON" finds 'latency_log2_ticks' vellum stats cli --json
check "the last exits" finds 'IN GUEST' vellum trace cli
check "following" finds 'IN GUEST' vellum trace cli --seconds 2
check "a file for a trace viewer" vellum trace cli --perfetto /tmp/p.json
check "which begins and ends as it must" sh -c 'head -1 /tmp/p.json | grep -q traceEvents && tail -1 /tmp/p.json | grep -q "^]}"'
check "top" finds '"name":"cli"' vellum top --rounds 1 --json
check "what it stands at" finds '(exit, reason|VMEXIT, code)' vellum explain cli
check "the same from a saved look" sh -c 'vellum vmcs cli --json >/tmp/v.json && vellum explain --state /tmp/v.json; [ $? -le 1 ]'
check "top without a terminal has no escapes" not finds "$(printf '\033')" vellum top --rounds 1
check "set a register" vellum set cli rbx=0x77
check "and find it there" finds 'rbx 0000000000000077' vellum regs cli
check "an unknown field" finds 'no field' vellum set cli nosuch=1
check "a control can't be set" finds "can't be set" sh -c 'vellum set cli PIN_CTLS=0; vellum set cli ASID=0; vellum set cli GUEST_ASID=0'
check "which also answers as JSON" finds '"done": "set"' vellum set cli rbx=0x77 --json
check "pause" finds '"done": "pause"' vellum pause cli --json
check "list shows that" finds '^cli +paused' vellum list
check "resume" vellum resume cli
kill -9 $pid
wait $pid 2>/dev/null
check "killed, it is there" finds '^cli +stopped' vellum list
check "its registers, too" finds 'rbx 0000000000000077' vellum regs cli
check "the module stays" not rmmod vmm
client
check "run again" running
check "and is the same guest" finds 'rbx 0000000000000077' vellum regs cli
check "destroy" vellum destroy cli
wait $pid
check "its client ends" test $? = 1
check "no such VM" finds 'no VM "cli"' vellum regs cli
# One that exits faster than its trace is printed: mov al,42h; out 80h,al; jmp
printf '\260\102\346\200\353\372' >busy.bin
vellum create busy
vellum load busy --flat busy.bin@0x1000 --entry 0x1000 --mode long --memory 4M
vellum run busy --quiet </dev/null >/dev/null 2>&1 &
pid=$!
sleep 1
check "the trace of a busy guest ends" finds 'I/O instruction|IOIO|I/O' timeout 60 vellum trace busy
vellum destroy busy
wait $pid
check "a bad name" finds 'not a name' vellum create ../cli

# Firmware's memory is the VM's as well: from one program, and from two.
says() { # PATTERN FILE
	i=0
	while [ $i -lt 400 ]; do
		grep -Eq "$1" "$2" && return 0
		i=$((i + 1))
		sleep 0.1
	done
	cat "$2"
	return 1
}
vellum run --name cli --memory 64M --bios bios-256k.bin --quiet </dev/null >/tmp/fw.out 2>&1 & pid=$!
check "SeaBIOS in a named VM, to its end" says 'No bootable device' /tmp/fw.out
check "destroy it" vellum destroy cli
wait $pid
check "create it again" vellum create cli
check "load SeaBIOS" vellum load cli --memory 64M --bios bios-256k.bin
vellum run cli --quiet </dev/null >/tmp/fw.out 2>&1 & pid=$!
check "another program runs it, to its end" says 'No bootable device' /tmp/fw.out
kill -9 $pid
wait $pid 2>/dev/null
vellum run cli --quiet </dev/null >/tmp/fw.out 2>&1 & pid=$!
check "killed, it goes on" running
check "firmware is not given to what is loaded" finds 'goes on with what is loaded' \
	vellum run cli --bios bios-256k.bin
vellum destroy cli
wait $pid
check "the module goes" rmmod vmm
check "without complaint" not sh -c "dmesg | grep -E 'WARNING|were not freed|BUG|Oops'"
echo "1..$n"
