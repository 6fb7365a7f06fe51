#!/bin/bash
# SPDX-License-Identifier: MIT
#
# VT-x without unrestricted guest: a pseudo-BIOS, SeaBIOS to its boot attempt, GRUB to
# its menu and Linux directly, on vmm.ko and on stock KVM; the guest tests there, and on
# a CPU that has it with the module told not to use it.
# rigs: intel
# ci: no
# limit: 1500
. "$(dirname "$0")/lib.sh"
model=corei5_lynnfield_750
bios=/usr/share/seabios/bios-256k.bin
printf '\x0f\x01\xc1' >"$work/pseudo.bin"
# FNINIT, two NOPs, FLD1, HLT
printf '\xdb\xe3\x90\x90\xd9\xe8\xf4' >"$work/fld1.bin"

for module in vmm kvm; do
	host "$module: the host stays healthy" --model $model --module $module --timeout 400 \
		--file "$work/pseudo.bin" --file "$work/fld1.bin" \
		--file $bios --file $bios:/usr/share/seabios/ \
		--file /usr/lib/grub-rescue/grub-rescue-cdrom.iso:/root/grub.iso \
		--file tests/system/no-ug/on-host.sh -- sh on-host.sh $module
done

# guests NAME OPTION...: the guest tests; of those that fail their own words are shown
guests() {
	local name=$1
	shift
	verdict "guest tests $name" tests/onrig "$RIG" "$@" --module vmm --no-guest \
		--timeout 300 --file "$build/tests/guest-tests:/bin/guest-tests" \
		-- sh -c "guest-tests >out || { grep -B6 '^not ok' out; false; }"
}
guests "without unrestricted guest" --model $model
guests "with unrestricted_guest=n" --module-args unrestricted_guest=n
plan
