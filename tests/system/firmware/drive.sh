# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host: a guest's console, driven by a script.
#   use vmm|kvm       on what it runs
#   start OPTIONS...  the guest; what it writes is in ./out
#   await PATTERN [S] until the console shows PATTERN behind what was awaited before
#   put TEXT          type it (a format of printf: \r is Enter)
#   type_line TEXT    type it, no faster than a BIOS can read, and Enter
#   end [STATUS]      close its input; has it ended with STATUS (0)?
#   stop              kill it
# Escape sequences, line ends and NULs are left out before anything is compared. One
# pattern after the other is cheaper than ".*" over a screen that is painted all the time.
accel=/dev/vmm/ctl
pid=
use() { [ "$1" = vmm ] || accel=/dev/kvm; }

start() {
	stop
	rm -f in out
	mkfifo in
	seen=1
	vellum run --accel "$accel" --quiet "$@" <in >out 2>&1 &
	pid=$!
	exec 3>in
}

esc=$(printf '\033')
text() {
	sed "s/${esc}\[[0-9;?=]*[A-Za-z]//g; s/${esc}[()][A-Z0-9]//g; s/${esc}.//g" out |
		tr -d '\r\n\000\016\017'
}

# Moves $seen behind the first match.
found() {
	at=$(text | tail -c "+$seen" | awk -v re="$1" 'match($0, re) { print RSTART + RLENGTH - 1 }')
	[ -n "$at" ] && seen=$((seen + at))
}

await() {
	left=$((${2:-60} * 5))
	until found "$1"; do
		left=$((left - 1))
		if [ $left -lt 0 ]; then
			echo "# no \"$1\" within ${2:-60} s"
			show
			return 1
		elif ! kill -0 "$pid" 2>/dev/null; then
			found "$1" && return 0
			echo "# no \"$1\" before it ended"
			show
			return 1
		fi
		sleep 0.2
	done
}

show() { text | tail -c 1500 | fold -w 100 | sed 's/^/# /'; echo; }
# shellcheck disable=SC2059 # a format it is
put() { printf "$1" >&3; }

# A BIOS keeps 15 keys, and drops what is typed faster than it is read.
type_line() {
	rest=$1
	while [ -n "$rest" ]; do
		some=$(printf '%.8s' "$rest")
		printf '%s' "$some" >&3
		rest=${rest#"$some"}
		sleep 0.3
	done
	printf '\r' >&3
}

end() {
	exec 3>&-
	wait "$pid"
	got=$?
	pid=
	[ "$got" = "${1:-0}" ] && return 0
	echo "# status $got"
	show
	return 1
}

stop() {
	[ -n "$pid" ] || return 0
	exec 3>&-
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
}
result() { if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; fi; }
