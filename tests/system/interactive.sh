#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `make run` as people use it: on a terminal, and with a pipe for standard input.
# rigs: intel amd
# limit: 500
# quick: no
. "$(dirname "$0")/lib.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL # what a make above us hands down
run=(tests/locked "$RIG" timeout --foreground 140 make run "RIG=$RIG")

pipe() {
	printf 'uname -a\npoweroff -f\n' | "${run[@]}" ARGS='--memory 256M' \
		>"$work/pipe.out" 2>"$work/pipe.err"
	local status=$?
	tail -n 15 "$work/pipe.out" "$work/pipe.err"
	[ $status = 0 ]
}
verdict "commands from a pipe: status 0" pipe
verdict "... the guest's answer is on standard output" grep -q '^Linux (none) 6' "$work/pipe.out"
verdict "... the exits are counted" grep -Eq '^ +total +[1-9]' "$work/pipe.err"
verdict "... the guest's kernel command line is shown" grep -q 'console=ttyS0' "$work/pipe.err"
verdict "nothing but the guest speaks on standard output" \
	sh -c "! grep -E '^(vellum|run|rig|setup|make)' '$work/pipe.out'"

# terminal MODE: interactive.exp's lines, numbered
terminal() {
	expect tests/system/interactive.exp "$1" "$work" "${run[@]}" >"$work/expect.$1" 2>&1
	take_lines "$work/expect.$1"
	! grep -q '^not ok' "$work/expect.$1" ||
		tail -n 12 "$work/screen.$1" | tr -dc '[:print:]\n' | sed 's/^/# /'
	verdict "$1: the terminal is as it was before" cmp "$work/before.$1" "$work/after.$1"
}
terminal shell
terminal escape
plan
