# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# On the emulated host, for tests/system/uefi.sh. esp.img is a FAT disk with
# Debian's kernel and an initial RAM disk.
# shellcheck disable=SC1091
. ./drive.sh
use "$1"
id=11112222-3333-4444-5555-666677778888
quiet='quiet mitigations=off nokaslr cryptomgr.notests'

firmware() { start --memory 256M --firmware OVMF_CODE_4M.fd --vars vars.fd "$@"; }
shell() {
	firmware "$@"
	await 'Press ' 400 && await ESC && put '\033' && await 'Shell> ' 100
}

shell
result $? 'OVMF starts its shell'
put "setvar Vellum -guid $id -nv -bs =0x4c4c4556\r" && await 'Shell> ' && put 'reset -s\r' && end
result $? 'the shell sets a variable and powers off'

shell --disk esp.img,ro
put "setvar Vellum -guid $id\r" && await '56 45 4C 4C'
result $? 'the variable is there when the machine starts again'
put 'fs0:\r' && await 'FS0:.> ' &&
	put "linux.efi initrd=\\\\initrd console=ttyS0 $quiet rig.cmd=echo,from-the-stub;ls,/sys/firmware\r" &&
	await from-the-stub 200 && await efi && end
result $? "the kernel's EFI stub starts Linux from the shell"
stop
exit 0
