#!/bin/sh
# SPDX-License-Identifier: MIT
# native.sh intel|amd: see tests/system/native.sh
. ./lib.sh
top=/root/v
modules=/lib/modules-rig
headers=/lib/modules/$(uname -r)/build
mkdir -p $top/rig $top/build fake "$headers"
ln -s /bin/vellum $top/build/vellum
cp $modules/vmm.ko good.ko

# In place of the build, and of the rig
cat >fake/make <<'END'
#!/bin/sh
cd /root/v || exit
case "$*" in
"NATIVE=1 BUILD=build/native module") mkdir -p build/native; cp /root/prebuilt.ko build/native/vmm.ko ;;
"-f rig/rules.mk rig-parts") mkdir -p build/rig; ln -sf /guest/vmlinux build/rig/vmlinux
	ln -sf /guest/initrd build/rig/guest.cpio ;;
"all rig-parts rig-programs build/bench/guest.bin") ;;
*) echo "make: $*: not known to the test"; exit 2 ;;
esac
END
cat >$top/rig/run <<'END'
#!/bin/sh
echo "the rig was asked: $*"
END
cat >fake/git <<'END'
#!/bin/sh
echo a-version
END
chmod +x fake/make fake/git $top/rig/run
export PATH=/root/fake:$PATH

run() { # run OPTIONS...: run.sh with a guest that answers and leaves
	printf 'uname -a\npoweroff -f\n' | $top/run.sh --fast-boot "$@" >out 2>&1
	status=$?
}
native() { [ $status = "$1" ] && grep -q "using this machine's own CPU" out && ! grep -q "was asked" out; }
to_rig() { [ $status = 0 ] && grep -q "run: .*$1.*: starting an emulated" out && grep -q "the rig was asked" out; }
loaded() { grep -q '^vmm ' /proc/modules; }
not_loaded() { ! loaded && ! test -e /dev/vmm/ctl; }

cp good.ko prebuilt.ko
run
ok "the machine's own CPU is used" native 0
ok "... the guest answers" grep -q 'Linux (none) 6' out
ok "... its exits are counted" grep -q 'exits by reason, counted by vmm.ko' out
ok "... the module is gone afterwards" not_loaded
run --append 'rig.cmd=echo,c,>/proc/sysrq-trigger'
ok "a guest's panic is told by the status" native 17
ok "... the module is gone afterwards" not_loaded

export RIG="$1"
run
unset RIG

ok "RIG=$1 asks for the rig" to_rig "asks for the rig"
rmdir "$headers"
run
ok "without headers: the rig" to_rig "no headers"
mkdir "$headers"
echo nonsense >prebuilt.ko
run
ok "a module that does not load: the rig" to_rig "vmm.ko does not load here"
cp good.ko prebuilt.ko

insmod good.ko
run
ok "a module that is loaded is used" native 0
ok "... and stays" loaded
rmmod vmm

$top/run.sh --fast-boot </dev/null >out 2>&1 &
pid=$!
await 100 pidof vellum >/dev/null
usleep 500000
kill $pid
wait $pid
echo "status $?" >>out
ok "ended by a signal: status 143" grep -q 'status 143' out
ok "... and the module is gone" not_loaded

for name in irqbypass kvm "kvm-$1"; do
	insmod $modules/$name.ko
done
run
ok "beside an idle KVM the CPU is used" native 0
printf '\373\353\376' >loop.bin			# sti; jmp .
vellum run --quiet --accel /dev/kvm --memory 64M --flat loop.bin@0x100000 --entry 0x100000 \
	>/dev/null 2>&1 &
pid=$!
usleep 500000
run
ok "while KVM runs a guest: the rig" to_rig "KVM is running guests"
kill $pid
wait $pid 2>/dev/null
rmmod "kvm_$1" kvm irqbypass

$top/silicon-report.sh >out 2>&1
report=$(ls $top/silicon-report-*.txt)
ok "make silicon-report writes its file" test -s "$report"
ok "... with the guest tests" grep -q '^ok .* - basic/long-mode' "$report"
ok "... and the benchmarks" grep -q 'cpuid' "$report"
ok "... and a boot of Linux" grep -q 'Linux (none) 6' "$report"
ok "... and unloads the module" not_loaded
