#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Machines on which vmm.ko can't work, users who may not use it, hypervisors that were
# there first: each refusal is one clear line with the right status, and leaves nothing.
# And with kvm=1 the module is /dev/kvm, where that is free.
# rigs: intel amd
# quick: no
# limit: 400
. "$(dirname "$0")/lib.sh"
files=(--file tests/system/host/lib.sh --file tests/system/host/refused.sh
	--file tests/system/host/beside.sh)

# module NAME PATTERN OPTION...: on such a machine it does not load, for that reason
module() {
	host "$1: the host stays healthy" --module both --no-guest --timeout 60 "${files[@]}" \
		"${@:3}" -- sh refused.sh "$1" "$2"
}

if [ "$RIG" = intel ]; then
	module "locked off" 'disabled by the firmware.*IA32_FEATURE_CONTROL' \
		--feature-control locked-off
	module "no EPT" 'lacks "enable EPT"' --no-snapshot --model core2_penryn_t9600
	module "no VT-x" 'no VT-x' --no-snapshot --model p4_prescott_celeron_336
	module "neither VT-x nor AMD-V" 'neither VT-x nor AMD-V\|no VT-x\|no AMD-V' --no-snapshot \
		--model athlon64_venice
else
	module "no nested paging" 'no nested paging' --model EPYC,+svm,-npt
	module "no AMD-V" 'no AMD-V' --model EPYC,-svm
fi

host "the host stays healthy" --module both --timeout 200 "${files[@]}" \
	--file "$build/tests/guest-tests:/bin/guest-tests" -- sh beside.sh "$RIG"
plan
