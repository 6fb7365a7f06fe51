# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/multiboot.sh.
# shellcheck disable=SC1091
. ./drive.sh
use "$1"

# expect LINE...: has the guest's output all of these, as whole lines?
expect() {
	for line; do
		if ! tr -d '\r' <out | grep -qxF "$line"; then
			echo "# no line \"$line\""
			show
			return 1
		fi
	done
}

# As many CPUs as there can be.
cpus=3
few=$(timeout 20 vellum run --accel "$accel" --cpus $cpus --kernel elf32 2>&1 </dev/null |
	sed -n 's/.*has at most \([0-9]*\) vCPU.*/\1/p')
cpus=${few:-$cpus}

# boots NAME FILE BITS: the same of each format
boots() {
	timeout 60 vellum run --accel "$accel" --quiet --debug-exit --memory 64M --pci --cpus "$cpus" \
		--kernel "$2" --append "a=b exit=33" --initrd "one,string of one" \
		--initrd two >out 2>err </dev/null
	status=$?
	[ $status = 33 ] && expect "bits=$3" magic=2badb002 interrupts=0 paging=0 protected=1 \
		flags=24d lower=27f upper=fc00 "command line: $2 a=b exit=33" 'loader: Vellum' \
		'ram end=9fc00' 'ram end=4000000' 'module string of one: first module' \
		'module two: second module' rsdp=e0000 ebda=9fc00 \
		'base memory=27f' 'mp pointer=f0000' 'host bridge=29c08086' "cpus told=$cpus" \
		"other cpus=$((cpus - 1))"
	got=$?
	[ $got = 0 ] || { echo "# status $status"; sed 's/^/# /' err; }
	result $got "$1"
}
boots 'ELF of 32 bits' elf32 32
boots 'ELF of 64 bits' elf64 64
boots '64-bit code in an ELF file of 32 bits' elf64-in-32 64
boots 'addresses in the header' addresses 32

timeout 60 vellum run --accel "$accel" --quiet --debug-exit --memory 64M --kernel elf32 \
	--cmdline exit=7 >out 2>err </dev/null
[ $? = 7 ] && expect 'host bridge=ffffffff' 'cpus told=1' 'other cpus=0' rsdp=e0000 \
	'command line: elf32 exit=7'
result $? 'a bare machine: no PCI, one CPU, ACPI tables all the same'

timeout 60 vellum run --accel "$accel" --quiet --debug-exit --memory 64M --kernel tutorial \
	--disk disk.img,bus=ata --cdrom cd.iso >out 2>err </dev/null
status=$?
[ $status = 0 ] && ! grep -q '=0' out && expect 'IRQ 14 comes=1'
got=$?
[ $got = 0 ] || { grep '=0' out; echo "status $status"; cat err; } | sed 's/^/# /'
result $got 'devices used as tutorials use them'

if [ "$1" = vmm ]; then
	vellum create named && vellum load named --kernel elf32 --append exit=9 --quiet --memory 64M &&
		timeout 60 vellum run named --quiet --debug-exit >out 2>err </dev/null
	[ $? = 9 ] && expect 'command line: elf32 exit=9' 'cpus told=1'
	result $? 'loaded into a named VM'
	vellum destroy named
fi

timeout 60 vellum run --accel "$accel" --quiet --kernel short >out 2>err </dev/null
[ $? = 4 ] && grep -q '^vellum: --kernel short: truncated' err
result $? 'a truncated kernel is named, status 4'
timeout 60 vellum run --accel "$accel" --quiet --kernel elf32 --initrd none,string >out 2>err </dev/null
[ $? = 4 ] && grep -q '^vellum: --initrd none: No such file' err
result $? 'so is a module that is missing'

start --memory 128M --kernel gnumach --append console=com0 --initrd "one,first \${host-port}" --initrd two
await 'GNU Mach' && await 'module 0: first' && await '2 multiboot modules'
result $? 'GNU Mach begins, and looks at its modules'
stop
exit 0
