#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the typed VMCS fields must keep from compiling, and what they must not.
set -u
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
while [ ! -d engine/vmx ]; do
	cd .. || exit 1
	[ "$PWD" != / ] || { echo "nocompile: no engine/vmx above $0" >&2; exit 1; }
done
failed=0
number=0

# try WANTED NAME STATEMENT
try() {
	local got=rejected
	number=$((number + 1))
	if printf '#include "engine/vmx/vmcs.h"\nvoid f(void);\nvoid f(void) { %s; }\n' "$3" |
	   "${CC:-gcc}" -std=gnu11 -I. -Iengine -x c -fsyntax-only - 2>/dev/null; then
		got=compiled
	fi
	if [ "$got" = "$1" ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		echo "# $got: $3"
		failed=1
	fi
}

try compiled 'a field of each width can be written' \
	'vmcs_write(VMCS_GUEST_RIP, 1); vmcs_write(VMCS_TSC_OFFSET, 1);
	vmcs_write(VMCS_PIN_CTLS, 1); vmcs_write(VMCS_VPID, 1)'
try compiled 'a read-only field can be read' '(void)vmcs_read(VMCS_EXIT_REASON)'
try rejected 'a 32-bit read-only field is not written' 'vmcs_write(VMCS_EXIT_REASON, 1)'
try rejected 'a 64-bit read-only field is not written' \
	'vmcs_write(VMCS_GUEST_PHYSICAL_ADDRESS, 1)'
try rejected 'a natural-width read-only field is not written' \
	'vmcs_write(VMCS_EXIT_QUALIFICATION, 1)'
try rejected 'an encoding is no field to write' 'vmcs_write(0x681e, 1)'
try rejected 'an encoding is no field to read' '(void)vmcs_read(0x681e)'
try rejected 'a field is no value' 'vmcs_write(VMCS_GUEST_RIP, VMCS_GUEST_RSP)'
try rejected 'the arguments are not swapped' 'vmcs_write(1, VMCS_GUEST_RIP)'
echo "1..$number"
exit $failed
