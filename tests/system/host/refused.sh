#!/bin/sh
# SPDX-License-Identifier: MIT
# refused.sh NAME PATTERN: vmm.ko must refuse to load, with a line that matches
. ./lib.sh
no_load() { ! insmod /lib/modules-rig/vmm.ko 2>out; }
told() { log_of_vmm >out; [ "$(wc -l <out)" = 1 ] && grep -q "$1" out; }
client_told() {
	vellum run --kernel /bin/vellum >out 2>&1
	[ $? = 3 ] && [ "$(wc -l <out)" = 1 ] && grep -q '/dev/vmm/ctl' out
}
ok "$1: the module does not load" no_load
ok "$1: the kernel's log says why" told "$2"
ok "$1: vellum ends with status 3 and one line" client_told
ok "$1: nothing is left loaded" sh -c '! grep -q "^vmm " /proc/modules && ! test -e /dev/vmm'
