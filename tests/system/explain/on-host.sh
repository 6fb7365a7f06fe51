#!/bin/sh
# SPDX-License-Identifier: MIT
#
# on-host.sh vmm|kvm intel|amd: what tests/system/explain.sh runs on the emulated host.
# Prints a TAP line, without a number, for each test.
module=$1 rig=$2
node=/dev/vmm/ctl
[ "$module" = kvm ] && node=/dev/kvm

run() {
	timeout 30 vellum run --accel $node --quiet --memory 16M "$@" >raw 2>&1 </dev/null
	status=$?
	tr '\n' ' ' <raw | tr -s ' ' >out
}

# is NAME WANTED-STATUS PATTERN...: all of them in the output, as extended expressions
is() {
	name=$1 wanted=$2 bad=
	shift 2
	[ "$status" = "$wanted" ] || bad="status $status, wanted $wanted"
	for p in "$@"; do
		grep -Eq -e "$p" out || bad="$bad no \"$p\""
	done
	if [ -z "$bad" ]; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		echo "$bad"
		cat raw
	fi
}

# KVM on AMD resets the vCPU before it tells: there is nothing left to explain.
reset_first() { [ "$module$rig" = kvmamd ]; }

# dies NAME MODE ENTRY PATTERN...: without and with --catch-faults
dies() {
	name=$1 mode=$2 entry=$3
	shift 3
	run --flat guests.bin@0x1000 --mode "$mode" --entry "$entry"
	if reset_first; then
		is "$name" 18 'has already reset the vCPU'
		return
	fi
	is "$name" 18 'Why it shut down' 'triple fault, the CPU shuts down' "$@"
	[ "$module" = vmm ] || return
	run --flat guests.bin@0x1000 --mode "$mode" --entry "$entry" --catch-faults
	is "$name-caught" 18 'was seen to do' 'double fault[^:]*: shutdown' \
		'state alone, is the same' "$@"
}

dies real-no-vectors real 0:1000 "can't be delivered: IDTR's limit is 0x0, so the entry lies beyond" \
	'entries* of 4 bytes|4 bytes each'
# QEMU checks no limits in real mode: there these two go on to some other end.
if [ "$rig" = intel ]; then
	dies real-no-stack real 0:1040 "SS:0xffff goes beyond SS's limit 0xffff"
	dies real-beyond-a-segment real 0:1080 "reads DS:0xffff, beyond DS's limit" 'vectors 0 to 5 only'
fi
dies no-idt prot 0x2000 '1\. invalid opcode .* 2\. general protection .* error code 0x33' \
	'has not even one entry'
dies bad-gate prot 0x2040 "can't be delivered: byte 5 is 0x80: type 0 is no gate"
dies absent-gate prot 0x2080 "can't be delivered: the gate isn't present" '#NP\) with error code 0x33'
dies gate-beyond-gdt prot 0x20c0 'selector 0x100 \(bytes 256 to 263 of the GDT\) is beyond its limit'
dies gate-to-data prot 0x2100 'it is no code segment' 'error code 0x11'
dies bad-stack-in-tss prot 0x2180 'ring-0 stack from the TSS at 0x23000' \
	"that SS isn't writable data of ring 0" 'invalid TSS \(#TS\) with error code 0x9'
dies idt-not-mapped prot 0x2240 "0x12345030 isn't mapped: its PDE at guest-physical 0x24120 is 0x0"
dies stack-not-mapped prot 0x22a0 "pushing 12 bytes at SS:0x7ffff4: linear 0x7ffff4 isn't mapped"
dies idt-too-short prot 0x2340 'selector 0x1000 .* beyond its limit' \
	"IDT entry 13, bytes 104 to 111 from 0x20000; IDTR's limit is 0x6b" 'vectors 0 to 12 only'
dies long-no-idt long 0x3000 'IDT entry 6, bytes 96 to 111' '16 bytes each'
dies long-absent-gate long 0x3040 "the gate isn't present"
dies long-handler-not-64 long 0x3080 "isn't a 64-bit one"
dies long-bad-ist long 0x30c0 'IST1 from the TSS at 0x540, offset 0x24, is 0x1234567800000000' \
	"isn't canonical"
dies long-idt-not-mapped long 0x3120 "0x6000000060 isn't mapped: its PDPTE"
dies long-stack-not-mapped long 0x3140 'below RSP 0x7000000000: linear 0x6fffffffd8'
dies long-page-fault long 0x3220 'reads DS:0x123456789000: linear 0x123456789000' 'PML4E at guest-physical 0x9120'
# where Intel's CPUs fault at the jump and AMD's at its target
if [ "$rig" = amd ]; then
	dies long-wild-jump long 0x31e0 "RIP 0x800000000000 isn't canonical"
else
	dies long-wild-jump long 0x31e0 "jumps to 0x800000000000, which isn't canonical"
fi

# No dump tells whether WRMSR faults; only the trap does.
run --flat guests.bin@0x1000 --mode long --entry 0x31a0
reset_first || is first-fault-not-in-the-state 18 'depending on the MSR and the value: here MSR 0xdeadbeef' \
	'none can be delivered'
if [ "$module" = vmm ]; then
	run --flat guests.bin@0x1000 --mode long --entry 0x31a0 --catch-faults
	is first-fault-caught 18 '1\. general protection \(#GP\), error code 0: the CPU was seen to raise it' \
		'state alone, is the same'
	run --flat guests.bin@0x1000 --mode long --entry 0x3260 --catch-faults
	is a-fault-that-is-handled 42
else
	run --flat guests.bin@0x1000 --mode long --entry 0x31a0 --catch-faults
	is catch-faults-needs-vmm 3 'catch-faults: .*has no traps by policy'
fi

# ---- 2012 ----
cat >2012.state <<'STATE'
cr0 = 0x30
rflags = 2
rip = 0
cs.ar = 0x209b
cs.limit = 0
ds.limit = 0
es.limit = 0
fs.limit = 0
gs.limit = 0
ss.limit = 0
gdtr.base = 0x5000
gdtr.limit = 0x17
idtr.limit = 0
tr.limit = 0
ldtr.ar = 0x10000
STATE
# Stock KVM takes no CS with L outside long mode; in 2012's state that is harmless anyway.
harmless='L 1 outside IA-32e mode: the CPU ignores it'
if [ "$module" = kvm ]; then
	sed -i 's/0x209b/0x9b/' 2012.state
	harmless=
fi
printf '\017\001\301' >pseudobios.bin
run --load pseudobios.bin@0 --entry 0:0 --state 2012.state
if [ "$rig" = intel ]; then
	is state-of-2012 18 'The limit of CS is 0x0' 'LIMIT = 0xffff: this is the fault' \
		'IDTR_LIMIT = 0x3ff' "$harmless" ', 0 violated'
fi
run --load pseudobios.bin@0 --entry 0:0 --state 2012.state --lint
is lint-of-2012 4 'The first instruction raises an exception, and it ends in a triple fault' \
	'LIMIT = 0xffff: this is the fault' 'nothing was entered'

# ---- --lint ----
run --flat guests.bin@0x1000 --mode long --entry 0x3260 --lint
is lint-finds-nothing-in-a-good-state 42
printf 'tr.ar = 0x10082\n' >notss.state
run --flat guests.bin@0x1000 --mode prot --entry 0x2000 --state notss.state --lint
[ "$rig" = intel ] && is lint-names-the-rule 4 'TR must' 'nothing was entered'
run --flat guests.bin@0x1000 --mode prot --entry 0x2000 --state notss.state
[ "$rig" = intel ] && is failed-entry-is-explained 1 'refused to enter|guest state invalid' 'TR must' \
	'Why the entry failed|isn.t a busy|busy TSS'
printf 'rip = 0x800000000000\n' >rip.state
run --flat guests.bin@0x1000 --mode long --entry 0x3000 --state rip.state --lint
is lint-of-a-wild-rip 4 "isn't canonical"
