# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/wrong.sh. com1.bin and com2.bin write an A to
# their port and end with status 7; spin.bin stays.
at='--entry 0x10000 --mode prot --memory 32M --quiet'
com1="--flat com1.bin@0x10000 $at"
com2="--flat com2.bin@0x10000 $at"
head -c 65536 /dev/zero >zero.img
cp zero.img disk.img
cp bios.bin copy.bin
: >empty
mkdir folder small
mkfifo fifo
ln -s nowhere dangling
head -c 17825792 /dev/zero >large
head -c 100000 /dev/zero >odd
head -c 300 /dev/urandom >junk
printf 'rip=1\nfoo=\033[31m2\n' >state

verdict() { if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; fi; }

# wrong NAME STATUS PATTERN OPTION...: such a run ends so, and its first line is that
wrong() {
	name=$1 status=$2 pattern=$3
	shift 3
	# shellcheck disable=SC2086
	timeout 20 vellum run "$@" </dev/null >out 2>err
	got=$?
	[ $got = "$status" ] && sed -n 1p err | grep -q "^vellum: $pattern"
	result=$?
	[ $result = 0 ] || { echo "# status $got"; sed 's/^/# /' err; }
	verdict $result "$name"
}

# same NAME A B
same() { cmp -s "$2" "$3"; verdict $? "$1"; }

for file in empty folder fifo dangling; do
	wrong "--bios $file" 4 "--bios $file: " --bios $file
	wrong "--kernel $file" 4 "--kernel $file: " --kernel $file
	wrong "--disk $file" 4 "--disk $file: " --disk $file --bios bios.bin
done
wrong 'a BIOS of more than 16 MiB' 4 '--bios large: .*16 MiB' --bios large
wrong 'a BIOS of no whole 64 KiB' 4 '--bios odd: .*64 KiB' --bios odd
wrong 'variables of no whole sectors' 4 '--vars odd: ' --firmware bios.bin --vars odd
wrong 'variables over the firmware' 4 '--vars copy.bin: the same file' --firmware copy.bin --vars copy.bin
wrong 'more memory than there is' 3 '--memory: ' --flat com1.bin@0x10000 --entry 0x10000 --memory 1T
wrong 'a module for a BIOS' 2 '--initrd zero.img: ' --bios bios.bin --initrd zero.img
wrong 'a command line for a disk' 2 '--append x: only together' --disk disk.img --append x
wrong 'an image without a place' 2 '--load zero.img: must be' --bios bios.bin --load zero.img
wrong 'nothing to trap' 2 '--trap: ""' --bios bios.bin --trap ''
# shellcheck disable=SC2086
{
	wrong 'junk for a state' 4 '--state junk: line 1: "[ -~]*" is not' $com1 --state junk
	wrong 'an escape sequence in a state' 4 '--state state: line 2: "foo=?\[31m2" is' $com1 --state state
	wrong 'a FIFO that nobody reads' 4 '--com2 fifo: .*nobody reads' $com2 --com2 fifo
	wrong 'COM2 to a file system that is full' 7 '--com2 /dev/full: .*No space' $com2 --com2 /dev/full
	wrong 'COM2 to the disk' 4 '--com2 disk.img: in use' $com2 --disk disk.img --com2 disk.img
	wrong 'COM2 to the BIOS' 4 '--com2 copy.bin: the same file' --bios copy.bin --com2 copy.bin
}
same 'nothing of the disk is lost' zero.img disk.img
same 'nothing of the BIOS is lost' bios.bin copy.bin

# closed NAME STATUS: $com1 or $com2 with a disk, its streams as they are
# shellcheck disable=SC2086
timeout 20 vellum run $com1 --disk disk.img </dev/null >&- 2>err
[ $? = 141 ] && grep -q '^vellum: standard output' err
verdict $? 'standard output closed: status 141'
# shellcheck disable=SC2086
timeout 20 vellum run $com1 --disk disk.img </dev/null >/dev/full 2>err
[ $? = 141 ] && grep -q '^vellum: standard output.*No space' err
verdict $? 'standard output full: status 141'
# shellcheck disable=SC2086
timeout 20 vellum run $com1 --disk disk.img <&- >&- 2>&-
[ $? = 141 ]
verdict $? 'all streams closed: status 141'
# shellcheck disable=SC2086
timeout 20 vellum run $com2 --disk disk.img --memory 1T <&- >&- 2>&-
[ $? = 3 ]
verdict $? 'all streams closed, and an error to tell: status 3'
same 'nothing of it came onto the disk' zero.img disk.img
# shellcheck disable=SC2086,SC3045
(ulimit -f 1 && timeout 20 vellum run $com1) </dev/null >/dev/null 2>&1
[ $? = 7 ]
verdict $? 'files limited to 512 bytes: the guest runs'
# shellcheck disable=SC2086,SC3045
(ulimit -n 16 && exec vellum run $com1) </dev/null >/dev/null 2>err
status=$?
[ $status = 7 ] || { [ $status = 3 ] && grep -q 'Too many open files' err; }
verdict $? 'few file descriptors: it runs, or status 3 and why'
vellum --version >/dev/full 2>err
[ $? = 141 ] && grep -q '^vellum: standard output.*No space' err
verdict $? 'an answer that nobody gets: status 141'

# shellcheck disable=SC2086
vellum run --flat spin.bin@0x10000 $at --disk disk.img --com2 log </dev/null >/dev/null 2>&1 &
pid=$!
sleep 1
# shellcheck disable=SC2086
{
	wrong 'two writers to a disk' 4 '--disk disk.img: in use by another guest' $com1 --disk disk.img
	wrong 'two writers to a log' 4 '--com2 log: in use by another guest' $com1 --com2 log
	kill -9 $pid
	wait $pid
	timeout 20 vellum run $com1 --disk disk.img --com2 log </dev/null >out 2>err
	[ $? = 7 ]
	verdict $? 'after kill -9 both are free'
}
