# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/others.sh: firmware, kernels and boot
# loaders that nobody wrote for this machine, each to a sign of its life.
# others.img is a file system with what GRUB is to start.
# shellcheck disable=SC1091
. ./drive.sh
use "$1"

grub() {
	start --cdrom grub-rescue-cdrom.iso --disk others.img,ro "$@"
	await 'highlighted entry' && put c && await 'grub>'
}
says() { # says COMMAND: to GRUB, until it asks for the next
	type_line "$1" && await 'grub>'
}
boots() { # boots PATTERN [SECONDS]
	type_line boot && await "$@"
}

grub --memory 128M && type_line 'cat (hd0)/hello' && await 'hello from the disk'
result $? 'GRUB of the rescue CD takes commands and reads a disk'
says 'linux (hd0)/memtest86+x64.bin console=ttyS0,115200 nobench keyboard=legacy' &&
	boots Memtest86 && await Pass
result $? 'memtest86+, 64 bits, tests'
grub --memory 128M && says 'linux (hd0)/memtest86+ia32.bin console=ttyS0,115200 nobench keyboard=legacy' &&
	boots Memtest86 && await Pass
result $? 'memtest86+, 32 bits with PAE, tests'
grub --memory 128M && says 'multiboot (hd0)/gnumach console=com0' && boots 'GNU Mach'
result $? 'GNU Mach, 32 bits without PAE, begins'
grub --memory 128M && says 'linux16 (hd0)/memdisk' && says 'initrd16 (hd0)/floppy.img' &&
	boots MEMDISK && await GRUB
result $? 'MEMDISK makes a floppy of memory, and GRUB starts from it'
start --memory 128M --cdrom ipxe.iso
await iPXE && await Ctrl-B && put '\002' && await 'iPXE>' &&
	type_line 'cpuid --ext 29 && show builtin/version' && await ':string' && await 'iPXE>'
result $? 'iPXE takes commands'

start --memory 128M --cdrom tools.iso
await 'boot:' && type_line 'hdt.c32 nomenu' && await 'hdt>' &&
	type_line 'show pci' && await 'NB Devices   : [1-9]' && await 'hdt>' &&
	type_line 'show acpi' && await HPET
result $? 'ISOLINUX starts HDT, which lists PCI and ACPI'
for how in '--floppy legacy.img' '--cdrom floppy.iso'; do
	# shellcheck disable=SC2086
	start --memory 64M $how
	await 'grub>' && type_line 'geometry (fd0)' && await '80/2/18' && await 'grub>'
	result $? "GRUB Legacy from a floppy ($how)"
done
start --memory 64M --bios BIOS-bochs-latest --cdrom serial.iso
await ISOLINUX && await 'boot:'
result $? "Bochs's BIOS starts ISOLINUX"

start --memory 256M --firmware u-boot.rom --disk others.img,ro,bus=ata
await 'stop autoboot' && put ' ' && await '=> ' && put 'pci\r' && await 0x29c0 && await '=> ' &&
	put 'reset\r' && await 'U-Boot 20'
result $? 'U-Boot as firmware lists the PCI bus, and resets'
start --memory 256M --firmware u-boot64.rom --disk others.img,ro,bus=ata
await 'stop autoboot' && put ' ' && await '=> ' && put 'pci\r' && await 0x29c0
result $? 'U-Boot in 64-bit mode lists the PCI bus'
stop
exit 0
