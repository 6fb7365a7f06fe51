#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What tests/system/uefi.sh runs on the emulated host.

# Starts the firmware with a shell behind, its input on descriptor 3
boot() {
	rm -f in out
	mkfifo in
	timeout 350 vellum run --quiet --memory 256M \
		--firmware OVMF_CODE_4M.fd --vars vars.fd <in >out 2>&1 &
	pid=$!
	exec 3>in
	wait_for 'Press .*ESC' || return 1
	printf '\033' >&3
	wait_for 'Shell>'
}

wait_for() {
	n=0
	while ! grep -q -- "$1" out; do
		n=$((n + 1))
		[ $n -gt 3000 ] && return 1
		kill -0 $pid || return 1
		sleep 0.1
	done
}

type_line() {
	printf '%s\r' "$1" >&3
	sleep 3
}

ok() {
	if [ "$2" = "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		cat out
	fi
}

boot
ok shell 0 $?
type_line 'setvar Vellum -guid 11112222-3333-4444-5555-666677778888 -nv -bs =0x4c4c4556'
type_line 'reset -s'
exec 3>&-
wait $pid
ok power-off 0 $?

boot
ok shell-again 0 $?
type_line 'setvar Vellum -guid 11112222-3333-4444-5555-666677778888'
wait_for '56 45 4C 4C\|56454C4C'
ok variable-persists 0 $?
kill $pid
exec 3>&-
