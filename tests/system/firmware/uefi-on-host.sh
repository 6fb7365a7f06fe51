# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/uefi.sh. esp.img is a FAT disk with
# Debian's kernel and an initial RAM disk; shell.img and boot.img are such with GRUB,
# the latter where firmware looks for it; so is the image in cd.iso.
# shellcheck disable=SC1091
. ./drive.sh
use "$1"
id=11112222-3333-4444-5555-666677778888
quiet='quiet mitigations=off nokaslr cryptomgr.notests'

cp vars.fd fresh.fd

firmware() { start --memory 256M --firmware OVMF_CODE_4M.fd --vars vars.fd "$@"; }
shell() {
	firmware "$@"
	await 'Press ' 400 && await ESC && put '\033' && await 'Shell> ' 100
}

shell
result $? 'OVMF starts its shell'
put "setvar Vellum -guid $id -nv -bs =0x4c4c4556\r" && await 'Shell> ' && put 'reset -s\r' && end
result $? 'the shell sets a variable and powers off'

shell --disk esp.img,ro --disk shell.img,bus=ata,ro
put "setvar Vellum -guid $id\r" && await '56 45 4C 4C'
result $? 'the variable is there when the machine starts again'
await 'Shell> ' && put 'fs1:grub.efi\r' && await 'back to the firmware' &&
	put b && await 'Shell> '
result $? 'the shell starts GRUB from an ATA disk'
put 'fs0:\r' && await 'FS0:.> ' &&
	put "linux.efi initrd=\\\\initrd console=ttyS0 $quiet rig.cmd=echo,from-the-stub;ls,/sys/firmware\r" &&
	await from-the-stub 200 && await efi && end
result $? "the kernel's EFI stub starts Linux from the shell"

# By the boot order of old variables the shell comes before disks that are new.
cp fresh.fd vars.fd
firmware --disk boot.img,bus=ata,ro
await 'back to the firmware' 400 && put o && end
result $? 'GRUB boots from an ATA disk, alone on its controller'

cp fresh.fd vars.fd
firmware --cdrom cd.iso --disk esp.img,bus=ata,ro
await 'back to the firmware' 400 && put l && await from-grub 200 && end
result $? 'GRUB boots from a CD, and Linux by it from an ATA disk'
stop
exit 0
