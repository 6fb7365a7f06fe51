# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/vga.sh: what guests write to the screen, as
# --screen has it; keys for them; who has no adapter.
# shellcheck disable=SC1091
. ./drive.sh
use "$1"

run() { # run WANT OPTIONS...: a guest that ends by itself with status WANT
	want=$1
	shift
	rm -f scr
	timeout 60 vellum run --accel "$accel" --quiet --memory 64M --screen scr --debug-exit \
		"$@" >out 2>&1 </dev/null
	got=$?
	[ $got = "$want" ] && return 0
	echo "# status $got, not $want:"
	tail -n 5 out | tr -dc '[:print:]\n' | sed 's/^/# /'
	return 1
}
line() { sed -n "$1p" scr; }
is() { # is NUMBER TEXT: that line of the screen
	[ "$(line "$1")" = "$2" ] && return 0
	echo "# line $1 is \"$(line "$1")\", not \"$2\""
	sed 's/^/# /' scr
	return 1
}
shows() { # shows TEXT [SECONDS]: the screen, soon
	left=$((${2:-60} * 5))
	until grep -qs -- "$1" scr; do
		left=$((left - 1))
		if [ $left -lt 0 ] || ! kill -0 "$pid" 2>/dev/null; then
			echo "# not on the screen: \"$1\""
			sed 's/^/# /' scr
			return 1
		fi
		sleep 0.2
	done
}

rm -f scr
start --memory 64M --screen scr --keyboard --debug-exit --disk TEXT.img
shows 'by the BIOS' && shows '╔═ directly ═╗' && is 11 '╔═ directly ═╗' &&
	[ "$(wc -l <scr)" = 25 ]
result $? 'a boot sector writes by the BIOS and directly, and finds its cursor'
# only when the guest waits for a key: SeaBIOS drops what came before
put '\033[A' && shows '^     ↑$' && end 42 && is 13 '     ↑'
result $? '... an arrow key goes to its keyboard; the end is on the screen'
grep -q 'by the BIOS' out
result $? '... the serial port has the text of the BIOS too'

run 42 --disk ROWS.img && is 1 'the upper row' && is 49 'the last row' &&
	[ "$(wc -l <scr)" = 50 ]
result $? '50 rows, and another start address'
run 42 --disk GRAPHICS.img && is 1 '[graphics mode: 320 x 200, 256 colours]'
result $? 'a graphics mode is one line'
run 42 --strict-io --bios BARE.img && is 1 'without a BIOS'
result $? 'real-mode code without firmware: every port answers'
run 42 --flat PROT.img@0x100000 --entry 0x100000 --mode prot && is 1 '32 bits'
result $? 'flat 32-bit code'

start --memory 128M --screen scr --keyboard --com1 com1 --cdrom grub-rescue-cdrom.iso
shows 'GNU GRUB  *version' && shows '│\*GNU/Linux ' && shows 'highlighted entry'
result $? "GRUB's menu is on the screen"
put '\033[B' && shows '│\*GNU (aka' && put c && shows 'grub>'
result $? '... an arrow key and a letter work in it'
stop
[ ! -s out ] && grep -q 'GRUB' com1
result $? '... --com1 has what the serial port got'

# The file is written as little as it is to be, and no other kind of file is.
run 4 --disk TEXT.img --screen /dev/null && grep -q 'not a regular file' out
result $? '--screen takes regular files only'
vellum run --accel "$accel" --kernel TEXT.img --vga >out 2>&1
[ $? = 2 ] && grep -q 'no video adapter' out
result $? 'a kernel from --kernel has no adapter'

if [ "$1" = vmm ]; then
	run 42 --name screens --disk ROWS.img && is 1 'the upper row'
	result $? 'a named VM has the adapter'
	vellum destroy screens
	vellum run --quiet --memory 64M --name screens --disk TEXT.img --screen scr \
		</dev/null >out 2>&1 &
	pid=$!
	shows '╔═ directly ═╗'
	kill -9 $pid
	wait $pid
	: >scr
	vellum run screens --quiet --screen scr </dev/null >out 2>&1 &
	pid=$!
	shows '╔═ directly ═╗' 20
	status=$?
	[ $status = 0 ] || sed 's/^/# /' out
	result $status '... and its text when another program goes on with it'
	kill -9 $pid
	pid=
	vellum destroy screens
fi
exit 0
