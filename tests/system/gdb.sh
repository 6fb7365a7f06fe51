#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The real gdb on a stock Linux guest, on real-mode and 32-bit code and on SeaBIOS,
# through `vellum run --gdb`, on vmm.ko and on stock KVM. gdb runs here, the guests in
# one emulated host: a pipe through the rig leads to each guest's socket in turn.
# rigs: intel amd
# quick: no
# limit: 900
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
dir=$build/tests/gdb.$RIG
symbols=$dir/kallsyms	# both rigs may run at once
kinds="linux real prot bios"
# Stock KVM has no breakpoints under QEMU, and steps twice on the first instruction of
# a fresh page in Bochs: docs/emulators.md.
kvm_kinds=linux
[ "$RIG" = amd ] && kvm_kinds="prot bios"
n=0
failed=0

tap() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

# want LOG NAME PATTERN...: each a line of the log
want() {
	local log=$1 name=$2 status=0 pattern
	shift 2
	for pattern; do
		grep -qE -- "$pattern" "$log" || {
			echo "# no line like: $pattern"
			status=1
		}
	done
	tap $status "$name"
	[ $status = 0 ] || sed 's/^/# /' "$log" | cut -c 1-150 | tail -n 40
}

rm -rf "$dir"
mkdir -p "$dir"
as -o "$dir/code.o" tests/system/gdb/code.S && ld -Ttext 0x1000 -e 0 --oformat binary \
	-o "$dir/code.bin" "$dir/code.o" || exit 1
mkfifo "$dir/to-host" "$dir/from-host"
tests/onrig "$RIG" --module both -i --timeout 800 \
	--file "$dir/code.bin" --file /usr/share/seabios/bios-256k.bin:bios.bin \
	--file tests/system/gdb/on-host.sh -- sh on-host.sh "$RIG" "$kinds" "$kvm_kinds" \
	<"$dir/to-host" >"$dir/from-host" 2>"$dir/host.log" &
exec 7>"$dir/to-host" 8<"$dir/from-host"

# First of all come the host's symbols: it runs the kernel that the guest runs.
while IFS= read -r -u 8 line && [ "$line" != end ]; do
	printf '%s\n' "$line"
done >"$symbols"
tools/kallsyms-elf "$symbols" "$dir/kernel.elf"
tap $? "kallsyms become a file of symbols"

for module in vmm kvm; do
	[ $module = vmm ] && list=$kinds || list=$kvm_kinds
	for kind in $list; do
		sed "s|@HOST@|sh -c 'cat $dir/from-host \& cat >$dir/to-host; kill \$!'|; \
s|@SYMBOLS@|$dir/kernel.elf|" "tests/system/gdb/$kind.gdb" >"$dir/$kind.gdb"
		timeout 300 gdb -nx -q -batch -x "$dir/$kind.gdb" >"$dir/$kind.$module.log" \
			2>&1 </dev/null 7>&- 8<&-
	done
done
exec 7>&- 8<&-
wait

check_linux() { # MODULE
	local module=$1 log=$dir/linux.$1.log
	want "$log" "$module: Ctrl-C stops a Linux guest" '^interrupted: '
	want "$log" "$module: breakpoint in its kernel, the caller, steps" \
		'^Breakpoint 1, 0x[0-9a-f]+ in uptime_proc_show' '^#1 .* in seq_read_iter' \
		'^stepped to 0x[0-9a-f]+ <uptime_proc_show\+[0-9]+>'
	want "$log" "$module: registers, page tables, physical memory" \
		'^cr0 +.*PG' '^efer +.*LMA' '^0x[0-9a-f]+ is at guest-physical' \
		'^the same byte'
	[ "$RIG" = amd ] || want "$log" "$module: a watchpoint in hardware" \
		'^Hardware watchpoint 2: ' '^watched 0x[0-9a-f]+'
	want "$dir/host.log" "$module: detached, the guest goes on" "^$module linux: went on"
}

check_real() {
	local module=$1
	want "$dir/real.$module.log" "$module: real mode: linear pc, steps, a breakpoint" \
		'architecture.*i8086' '^start 0x1000 cs 0x100' '=> 0x1003' \
		'^in the function 0x100a count 1' '^again 0x100a count 2'
}

check_prot() {
	local module=$1
	want "$dir/prot.$module.log" "$module: 32-bit code" 'architecture.*i386' \
		'^start 0x1020' '^stepped 0x1025 0x1234'
}

check_bios() {
	local module=$1
	want "$dir/bios.$module.log" "$module: SeaBIOS from the reset vector, and a reset" \
		'=> 0xfffffff0:.*jmp.*0xf000' '^first 0xfffffff0 offset 0xfff0' \
		'^second 0xfe05b' '^reset 0xfffffff0'
}

for kind in $kinds; do
	"check_$kind" vmm
done
for kind in $kvm_kinds; do
	"check_$kind" kvm
done
[ $failed = 0 ] || sed 's/^/# host: /' "$dir/host.log" | tail -n 40
echo "1..$n"
exit $failed
