#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Installs what Vellum needs on Debian 12, and fetches the emulated host's
# kernel and busybox into build/rig/. Safe to run at any time: when nothing is
# missing it says nothing and costs a few milliseconds.
#
#   ./setup.sh            install what is missing
#   ./setup.sh --check    only say what is missing (status 1 if anything is)
#   ./setup.sh --update   also move to the newest kernel of the archive
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"
readonly CACHE=build/rig
readonly KERNEL_META=linux-image-cloud-amd64
readonly PACKAGES=(
	# building
	gcc libc6-dev make python3 binutils kmod cpio lz4 zstd xz-utils bc
	libjansson-dev libcapstone-dev liburing-dev libseccomp-dev libzydis-dev libzycore-dev acpica-tools
	# the rig's emulators and firmware
	bochs bochs-term bochsbios vgabios qemu-system-x86 seabios
	# tests
	libcmocka-dev shellcheck sparse clang-format expect gdb git util-linux
	e2fsprogs grub-rescue-pc isolinux syslinux-common xorriso
	ovmf grub-common grub-pc-bin grub-efi-amd64-bin mtools fdisk debootstrap
)
# What tests boot, unpacked below build/rig/others: installing them would add them
# to this machine's own boot menu.
readonly OTHERS=(
	memtest86+ gnumach-image-1.8-486 ipxe u-boot-qemu grub-legacy
	xen-hypervisor-4.17-amd64
)
log=
child=		# apt-get, while it runs beside us: Ctrl-C does not reach it

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Asks for sudo's password, if it wants one, while nothing else is on the screen.
become_root() {
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null ||
		die "installing packages needs root, and there is no sudo: run ./setup.sh as root"
	sudo -v || die "installing packages needs root, and sudo refuses"
}

# Ctrl-C: what only downloads is ended; an installation that dpkg has begun is not
# broken off, as it would leave packages half configured.
interrupted() {
	trap '' INT TERM HUP
	if [ -n "$child" ] && kill -0 "$child" 2>/dev/null; then
		if grep -qE '^(Unpacking|Setting up|Preparing to unpack)' "$log"; then
			say "interrupted; letting dpkg finish what it has begun"
		else
			as_root kill "$child" 2>/dev/null || :
		fi
		wait "$child" || :
	fi
	rm -rf "$CACHE"/fetch.*
	say "interrupted"
	exit 130
}

# watch PID: repeat the log's last line every few seconds until PID ends, so
# that a long step is seen to be alive.
watch() {
	local shown='' line i=0
	child=$1
	while [ -e "/proc/$1" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"; do
		sleep 0.2
		i=$((i + 1))
		[ $((i % 15)) = 0 ] || continue
		line=$(tail -n 1 "$log" | tr -dc '[:print:]' | cut -c 1-100)
		if [ "$line" != "$shown" ]; then
			say "  $line"
			shown=$line
		else
			say "  ... $((i / 5)) s"
		fi
	done
}

# apt ARGS: apt-get without questions, waiting for whoever else holds a lock
apt() {
	local tries=0 pid status
	while :; do
		as_root apt-get -y -o APT::Sandbox::User=root \
			-o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
			-o DPkg::Lock::Timeout=0 "$@" >"$log" 2>&1 </dev/null &
		pid=$!
		watch "$pid"
		status=0
		wait "$pid" || status=$?
		[ "$status" != 0 ] || return 0
		grep -q 'Could not get lock\|Unable to acquire the dpkg' "$log" ||
			return "$status"
		tries=$((tries + 1))
		[ "$tries" -lt 120 ] ||
			die "another package manager has held its lock for 10 minutes"
		say "waiting for another package manager: $(
			grep -m 1 -o 'held by process.*' "$log" || echo 'lock held')"
		sleep 5
	done
}

apt_or_die() {
	apt "$@" && return 0
	tail -n 15 "$log" >&2
	die "apt-get $1 failed (above); check the network and /etc/apt/sources.list"
}

missing_packages() {
	local -A have=()
	local name state
	while read -r state name; do
		[ "$state" != installed ] || have[$name]=1
	done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
	for name in "$@"; do
		[ -n "${have[$name]:-}" ] || echo "$name"
	done
}

# The release of the newest cloud kernel that apt knows, e.g. 6.1.0-56-cloud-amd64
newest_release() {
	apt-cache depends "$KERNEL_META" 2>/dev/null |
		sed -n 's/.*Depends: linux-image-\([0-9][^ ]*-cloud-amd64\).*/\1/p' |
		head -n 1
}

# fetch PACKAGE DIR: unpack a package below the cache without installing it. The
# kernel's maintainer scripts would touch the machine's boot loader, and
# busybox-static would displace an installed busybox.
fetch() {
	local tmp pid status=0
	tmp=$(mktemp -d "$CACHE/fetch.XXXXXX")
	say "fetching $1"
	(cd "$tmp" && exec apt-get -o APT::Sandbox::User=root download "$1") \
		>"$log" 2>&1 </dev/null &
	pid=$!
	watch "$pid"
	wait "$pid" || status=$?
	if [ "$status" = 0 ]; then
		mkdir "$tmp/root"
		dpkg-deb -x "$tmp"/*.deb "$tmp/root"
		rm -rf "$2"
		mv "$tmp/root" "$2"
	fi
	rm -rf "$tmp"
	return "$status"
}

refreshed=
refresh() {
	[ -z "$refreshed" ] || return 0
	become_root
	say "reading the package lists"
	apt_or_die update
	refreshed=1
}

fetch_or_die() {
	fetch "$@" && return 0
	refresh
	fetch "$@" && return 0
	tail -n 5 "$log" >&2
	die "cannot download $1; check the network and /etc/apt/sources.list"
}

# What is missing, one word each: package names and cached pieces
missing() {
	local release='' name
	[ ! -e "$CACHE/kernel/RELEASE" ] || release=$(<"$CACHE/kernel/RELEASE")
	missing_packages "${PACKAGES[@]}" ${release:+"linux-headers-$release"}
	[ -n "$release" ] && [ -e "$CACHE/kernel/boot/vmlinuz-$release" ] ||
		echo "$CACHE/kernel"
	[ -x "$CACHE/busybox/bin/busybox" ] || echo "$CACHE/busybox"
	for name in "${OTHERS[@]}"; do
		[ -d "$CACHE/others/$name" ] || echo "$CACHE/others/$name"
	done
}

install_all() {
	local release names name
	mapfile -t names < <(missing_packages "${PACKAGES[@]}")
	[ -n "$(newest_release)" ] || refresh
	if [ ${#names[@]} != 0 ]; then
		say "installing ${names[*]}"
		apt install --no-install-recommends "${names[@]}" || {
			refresh
			apt_or_die install --no-install-recommends "${names[@]}"
		}
	fi
	release=
	[ ! -e "$CACHE/kernel/RELEASE" ] || release=$(<"$CACHE/kernel/RELEASE")
	if [ -z "$release" ] || [ ! -e "$CACHE/kernel/boot/vmlinuz-$release" ]; then
		release=$(newest_release)
		[ -n "$release" ] ||
			die "the package lists have no $KERNEL_META: is this Debian 12, amd64?"
		fetch_or_die "linux-image-$release" "$CACHE/kernel"
		echo "$release" >"$CACHE/kernel/RELEASE"
	fi
	[ -x "$CACHE/busybox/bin/busybox" ] ||
		fetch_or_die busybox-static "$CACHE/busybox"
	mkdir -p "$CACHE/others"
	for name in "${OTHERS[@]}"; do
		[ -d "$CACHE/others/$name" ] || fetch_or_die "$name" "$CACHE/others/$name"
	done
	if [ -n "$(missing_packages "linux-headers-$release")" ]; then
		say "installing linux-headers-$release"
		apt install --no-install-recommends "linux-headers-$release" || {
			refresh
			apt_or_die install --no-install-recommends "linux-headers-$release"
		}
	fi
}

case "${1:-}" in
	'' | --check | --update) ;;
	-h | --help) sed -n '4,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*) die "unknown option '$1': --check and --update exist" ;;
esac

command -v dpkg-query >/dev/null ||
	die "this is not a Debian system (no dpkg-query); see docs/rig.md for what is needed"
mkdir -p "$CACHE" 2>/dev/null && [ -w "$CACHE" ] ||
	die "can't write in $PWD/$CACHE: is the tree yours, and not on a read-only medium?"
if [ "${1:-}" = --update ]; then
	log=$(mktemp) && trap 'rm -f "$log"' EXIT
	refresh
	[ "$(newest_release)" = "$(cat "$CACHE/kernel/RELEASE" 2>/dev/null)" ] ||
		rm -rf "$CACHE/kernel"
fi
lacking=$(missing)
[ -n "$lacking" ] || exit 0
if [ "${1:-}" = --check ]; then
	say "missing: ${lacking//$'\n'/ } (./setup.sh fetches them)"
	exit 1
fi

[ -z "$(missing_packages "${PACKAGES[@]}")" ] || become_root
# One at a time: two runs at once would unpack over each other
exec 9>"$CACHE/setup.lock"
flock -n 9 || { say "waiting for another setup.sh"; flock 9; }
[ -n "$log" ] || { log=$(mktemp) && trap 'rm -f "$log"' EXIT; }
trap interrupted INT TERM HUP
install_all
trap - INT TERM HUP
lacking=$(missing)
[ -z "$lacking" ] || die "still missing after installing: ${lacking//$'\n'/ }"
say "everything is in place"
