#!/bin/sh
# SPDX-License-Identifier: MIT
# clock.sh vmm|kvm
. ./lib.sh
case $1 in vmm) accel=/dev/vmm/ctl ;; *) accel=/dev/kvm ;; esac

# run SCRIPT KERNEL-WORDS: in a guest; ./out has its lines, with the host's time before each
run() {
	# shellcheck disable=SC2086
	vellum run $linux --accel $accel --memory 192M --append "$2 rig.cmd=$1" \
		</dev/null 2>err | stamp >out
}

# agree SECONDS: between the lines "begin UPTIME" and "end UPTIME" so many passed by
# the host's TSC, and as many by the guest's clock. The uptime has two decimals.
agree() {
	tr -d '\r' <out | awk -v want="$1" '
		$3 == "begin" { h = $1; t = $2; g = $4 }
		$3 == "end" { h = $1 - h; t = $2 - t; g = $4 - g; n++ }
		END {
			if (n != 1)
				exit 1
			printf "# guest %.2f s, host %.3f s and %.0f ticks: %+.2f %%\n",
				g, h, t, 100 * (g / h - 1)
			exit !(g / h > 0.99 && g / h < 1.01 && h > want * 0.99 && h < want * 1.02)
		}'
}

uptime='read,t,_,</proc/uptime'
sys=/sys/devices/system
sleep="cat,$sys/clocksource/clocksource0/current_clocksource"
sleep="$sleep;cat,$sys/clockevents/clockevent0/current_device"
sleep="$sleep;$uptime;echo,begin,\$t;sleep,10;$uptime;echo,end,\$t"

# sleeps NAME CLOCK TIMER KERNEL-WORDS: 10 s of sleep with those
sleeps() {
	run "$sleep" "$4"
	ok "$1: 10 s of sleep" agree 10
	ok "$1: it was that" grep -Eq "[0-9] $2" out
	ok "$1: and that" grep -q "[0-9] $3" out
}

# Stock KVM is only to show that what measures is right; its guests like its own clock.
sleeps "TSC and LAPIC" "(tsc|kvm-clock)" lapic ""
[ "$1" = vmm ] || exit 0
sleeps "PM timer and LAPIC, one shot" acpi_pm lapic "clocksource=acpi_pm lapic=notscdeadline"
sleeps "PM timer and LAPIC, periodic" acpi_pm lapic "clocksource=acpi_pm nohz=off highres=off"
sleeps "jiffies by the PIT" jiffies pit "clocksource=jiffies lapic=notscdeadline nolapic_timer nohz=off highres=off"
if [ "$(awk '/cpu MHz/ { print int($4) }' /proc/cpuinfo)" -lt 500 ]; then
	# A second is 100 M instructions
	run "$uptime;echo,begin,\$t;e=\$((\${t%.*}+3)).\${t#*.};while,[,\${t%.*}\${t#*.},-lt,\${e%.*}\${e#*.},];do,$uptime;done;echo,end,\$t" ""
	ok "3 s of work" agree 3
fi
