# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For scripts that run on the emulated host: . ./lib.sh

# ok NAME COMMAND...: its status decides; ./out is shown if it fails
ok() {
	name=$1
	shift
	if "$@"; then
		echo "ok - $name"
	else
		tail -n 12 out 2>/dev/null
		echo "not ok - $name"
	fi
}

# shellcheck disable=SC2034
linux="--kernel /guest/vmlinux --initrd /guest/initrd --fast-boot --quiet"

# Waits until COMMAND is true, for at most N tenths of a second: await N COMMAND...
await() {
	left=$1
	shift
	while ! "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		usleep 100000
	done
}

# What vmm.ko holds: held VMs|pages|objects
held() { vellum info 2>&1 | awk -v what="$1" '/the module/ { on = 1 } on && $1 == what { print $2 }'; }
# The lines of vmm.ko in the kernel's log, each once: insmod here tries twice
log_of_vmm() {
	dmesg | sed -n 's/^\[[^]]*\] vmm: /vmm: /p' | grep -v 'taint' | sort -u
}

some_held() { [ "$(held VMs)" != 0 ]; }
nothing_held() { [ "$(held VMs) $(held pages) $(held objects)" = "0 0 0" ]; }
