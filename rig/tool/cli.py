# SPDX-License-Identifier: MIT
"""rig/run: options, one run from start to end, exit status."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import types

import bochs
import klog
import qemu
from link import Interrupted, Link
from parts import Parts, PartsError

USAGE_ERROR, RIG_ERROR, HOST_GONE = 121, 122, 123
HANG, KERNEL_TROUBLE = 124, 125

DESCRIPTION = """\
Boots an emulated machine with VT-x (Bochs) or AMD-V (QEMU), runs COMMAND there as
root, passes its output on, and returns its exit status.

COMMAND with arguments is run exactly as given; a COMMAND of a single word that holds
blanks or shell characters goes to sh -c there.
"""

EPILOG = """\
exit status:
  0..120  COMMAND's own          126, 127  COMMAND could not be run, was not found
  121     wrong usage            128+N     COMMAND was killed by signal N
  122     the rig itself failed  124       no end within --timeout (a hang)
  123     the host went away     125       oops, WARN or lock-up in the host's kernel
docs/rig.md says more.
"""


def say(text):
    print(f"rig: {text}", file=sys.stderr, flush=True)


def parser():
    p = argparse.ArgumentParser(prog="rig/run", description=DESCRIPTION, epilog=EPILOG,
                                allow_abbrev=False, usage="rig/run [OPTION]... -- COMMAND...",
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--vendor", choices=("intel", "amd"), default="intel",
                   help="intel: Bochs (default); amd: QEMU")
    p.add_argument("--cpus", type=int, default=1, metavar="N", help="host CPUs (1)")
    p.add_argument("--memory", type=int, metavar="MiB", help="host RAM (640 intel, 1024 amd)")
    p.add_argument("--model", metavar="M", help="CPU model; 'help' lists them")
    p.add_argument("--module", choices=("vmm", "kvm", "both", "none"), default="none",
                   help="load vmm.ko or the stock KVM; both: leave both in /lib/modules-rig "
                   "(none)")
    p.add_argument("--module-args", default="", metavar="ARGS",
                   help="parameters for vmm.ko, or for kvm-intel.ko and kvm-amd.ko")
    p.add_argument("--append", action="append", default=[], metavar="ARGS",
                   help="more for the host kernel's command line")
    p.add_argument("--file", action="append", default=[], metavar="SRC[:DEST]",
                   help="copy a file to the host (DEST: /root/NAME; a folder if it ends in /)")
    p.add_argument("--disk", action="append", default=[], metavar="FILE",
                   help="an IDE disk of the host, /dev/sda and /dev/sdb: for what is too "
                   "large to copy; it is written to")
    p.add_argument("--timeout", type=float, metavar="S",
                   help="end after S seconds, 0: never (120, 0 with -i)")
    p.add_argument("-i", "--interactive", action="store_true", dest="input",
                   help="pass standard input on to COMMAND; on a terminal if it is one")
    p.add_argument("--no-guest", action="store_true", help="leave /guest empty: less to copy")
    p.add_argument("--feature-control", choices=("reset", "locked-off"), default="reset",
                   help="intel: IA32_FEATURE_CONTROL as after reset, or locked with VMX off")
    p.add_argument("--mitigations", choices=("auto", "off"), default="off",
                   help="the host kernel's CPU mitigations (off)")
    p.add_argument("--icount", nargs="?", const="shift=0", metavar="SPEC",
                   help="amd: QEMU's -icount (shift=0), so that ticks are instructions")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                   help="for COMMAND's environment")
    p.add_argument("--no-snapshot", action="store_false", dest="snapshots",
                   help="intel: boot, even if a saved state of this host exists; save none")
    p.add_argument("--klog", metavar="FILE", help="write the host kernel's whole log there")
    p.add_argument("--keep", action="store_true", help="keep the run's folder in build/rig")
    p.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    p.error = lambda text: usage_error(f"{text}; see rig/run --help")
    return p


def usage_error(text):
    say(text)
    sys.exit(USAGE_ERROR)


def parse(argv):
    split = argv.index("--") if "--" in argv else len(argv)
    opts = parser().parse_args(argv[:split])
    if opts.command:
        usage_error(f"'{opts.command[0]}': COMMAND comes after --")
    opts.command = argv[split + 1:]
    opts.memory = opts.memory or (640 if opts.vendor == "intel" else 1024)
    if opts.model == "help":
        print("\n".join((bochs if opts.vendor == "intel" else qemu).models()))
        sys.exit(0)
    if not opts.command:
        usage_error("no COMMAND: rig/run [OPTION]... -- COMMAND...; see rig/run --help")
    return opts


def check(opts):
    top = 8 if opts.vendor == "intel" else 64
    if not 1 <= opts.cpus <= top:
        usage_error(f"--cpus {opts.cpus}: 1 to {top} are possible here")
    if not 128 <= opts.memory <= 16384 or (opts.vendor == "intel" and opts.memory > 3072):
        usage_error(f"--memory {opts.memory}: from 128 to "
                    f"{3072 if opts.vendor == 'intel' else 16384} MiB are possible here")
    if opts.timeout is None:
        opts.timeout = 0 if opts.input else 120
    if opts.timeout < 0:
        usage_error(f"--timeout {opts.timeout}: a number of seconds, or 0 for no limit")
    if opts.vendor == "intel" and opts.icount:
        usage_error("--icount is for --vendor amd; Bochs counts instructions anyway")
    if len(opts.disk) > 2:
        usage_error("--disk: two at most")
    for disk in opts.disk:
        if not os.path.isfile(disk) or not os.access(disk, os.R_OK | os.W_OK):
            usage_error(f"--disk {disk}: it is no file that can be read and written")
    if opts.disk:
        opts.snapshots = False  # a saved state would not know what is on it now
    if opts.icount and opts.cpus > 1:
        usage_error("--icount works with one CPU only: QEMU does not get a second one up")
    if opts.vendor == "amd" and opts.feature_control != "reset":
        usage_error("--feature-control is for --vendor intel")
    if opts.vendor == "intel" and opts.model and opts.model not in bochs.models():
        usage_error(f"--model {opts.model}: Bochs has no such model (--model help lists them)")


def environment(opts):
    env = {"PATH": "/bin:/sbin", "HOME": "/root", "TERM": os.environ.get("TERM", "linux"),
           "PS1": "rig# "}
    for item in opts.env:
        name, equals, value = item.partition("=")
        if not name or not equals:
            usage_error(f"--env {item}: NAME=VALUE is wanted")
        env[name] = value
    return env


DISK_MODULES = ("scsi/scsi_common", "scsi/scsi_mod", "ata/libata", "ata/ata_piix",
                "scsi/sd_mod")


def disk_modules(opts, parts):
    """The same as modules() for the host's own disks."""
    if not opts.disk:
        return [], []
    files, load = [], []
    os.makedirs(parts.path("modules"), exist_ok=True)
    for module in DISK_MODULES:
        name = os.path.basename(module) + ".ko"
        stripped = parts.path("modules/" + name)
        if not os.path.exists(stripped):
            new = f"{stripped}.{os.getpid()}"
            subprocess.run(["objcopy", "--strip-unneeded", "-R", ".BTF", "-R", ".BTF_ids",
                            parts.path(f"kernel/lib/modules/{parts.release}/kernel/drivers/"
                                       f"{module}.ko"), new], check=True)
            os.rename(new, stripped)
        files.append((stripped, "/lib/modules-rig/" + name, 0o644))
        load.append(("/lib/modules-rig/" + name, ""))
    return files, load


def modules(opts, parts):
    """Files to copy, and paths to load, for --module."""
    ours = parts.built("vmm.ko")
    files, load = [], []
    if opts.module in ("vmm", "both"):
        if not os.path.exists(ours):
            raise PartsError("build/vmm.ko is missing: run make")
        stripped = os.path.join(parts.dir, "vmm.ko")
        if not os.path.exists(stripped) or os.path.getmtime(stripped) < os.path.getmtime(ours):
            new = f"{stripped}.{os.getpid()}"
            subprocess.run(["objcopy", "--strip-unneeded", "-R", ".BTF", "-R", ".BTF_ids",
                            ours, new], check=True)
            os.rename(new, stripped)
        files.append((stripped, "/lib/modules-rig/vmm.ko", 0o644))
    if opts.module == "vmm":
        load = [("vmm", opts.module_args)]
    elif opts.module == "kvm":
        load = [("irqbypass", ""), ("kvm", ""), ("kvm-" + opts.vendor, opts.module_args)]
    return files, [(f"/lib/modules-rig/{name}.ko", args) for name, args in load]


def guest_files(opts, parts):
    """(source, path on the host, mode) of what is in /guest."""
    if opts.no_guest:
        return []
    return [(parts.path(f"kernel/boot/vmlinuz-{parts.release}"), "/guest/vmlinuz", 0o644),
            (parts.path("vmlinux"), "/guest/vmlinux", 0o644),
            (parts.path("guest.cpio"), "/guest/initrd", 0o644)]


def copies(opts, parts):
    """The same for all else that is copied in."""
    files = []
    if os.path.exists(parts.built("vellum")):
        files.append((parts.built("vellum"), "/bin/vellum", 0o755))
    for spec in opts.file:
        source, _, dest = spec.partition(":")
        dest = dest or "/root/"
        if not dest.startswith("/"):
            dest = "/root/" + dest
        if dest.endswith("/"):
            dest += os.path.basename(source)
        if not os.path.isfile(source) or not os.access(source, os.R_OK):
            usage_error(f"--file {spec}: {source} is no readable file")
        files.append((source, dest, os.stat(source).st_mode & 0o7777))
    return files


def shell_words(command):
    if len(command) == 1 and set(command[0]) & set(" \t\n|&;<>()$`\\\"'*?[~#"):
        return ["sh", "-c", command[0]]
    return command


def excerpt(title, lines):
    say(title)
    for line in lines:
        print(f"  {line}", file=sys.stderr)


def judge(opts, machine, link, ended):
    """The run's exit status, with the reasons for it told."""
    lines = machine.kernel_log()
    if opts.klog:
        with open(opts.klog, "w") as f:
            f.writelines(line + "\n" for line in lines)
    trouble = klog.trouble(lines)
    if trouble:
        excerpt("the host's kernel is in trouble:", trouble)
        return KERNEL_TROUBLE
    if link.status is not None:
        return os.waitstatus_to_exitcode(link.status) % 256 if not os.WIFSIGNALED(link.status) \
            else 128 + os.WTERMSIG(link.status)
    if link.failure:
        excerpt(link.failure, klog.since_mark(lines)[-15:])
        return RIG_ERROR
    if link.timed_out:
        what = "COMMAND has not ended" if link.ready else "the host has not booted"
        excerpt(f"{what} within {opts.timeout:g} s; the end of the host kernel's log:",
                klog.tail(lines) or [f"(none: {ended or 'the host ended as asked'})"])
        return HANG
    if any("reboot: " in line for line in lines[-5:]):
        ended = "it was switched off or restarted"
    excerpt(f"the host went away before COMMAND ended: {ended or 'unknown reason'}",
            machine.own_log() + klog.tail(lines))
    return HOST_GONE


def find_prb(opts, parts):
    """Asks a host, once for each kernel, where the kernel's log lies."""
    if parts.prb:
        return
    say("first run with this kernel: asking it where its log is")
    probe = types.SimpleNamespace(**vars(opts))
    probe.vendor, probe.model, probe.cpus, probe.memory = "amd", None, 1, 512
    probe.icount, probe.input, probe.timeout, probe.cmdline = None, False, 120, ""
    probe.disk = []
    probe.load, probe.command = [], ["grep", "-w", "prb", "/proc/kallsyms"]
    with tempfile.TemporaryDirectory(prefix=f"run.{os.getpid()}.", dir=parts.dir) as rundir:
        machine = qemu.Qemu(probe, parts, rundir)
        output = []
        link = None
        try:
            machine.payload([], [])
            link = Link(machine, machine.start(), probe)
            link.write = lambda fd, data: output.append(data)
            link.run(None, [], say)
        finally:
            machine.finish(False)
        if link.status == 0:
            parts.learn_prb(b"".join(output).decode())
        else:
            say("that failed; going on without the host kernel's log")


def sweep(parts):
    """Removes what runs that were killed outright have left."""
    for name in os.listdir(parts.dir):
        kind, _, rest = name.partition(".")
        pid = rest.partition(".")[0]
        if kind == "run" and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(parts.path(name), ignore_errors=True)


def run(opts, parts):
    parts.update(say)
    opts.cmdline = " ".join(["panic=-1 oops=panic unknown_nmi_panic quiet", f"mitigations={opts.mitigations}"] +
                            opts.append)
    opts.environment = environment(opts)
    module_files, opts.load = modules(opts, parts)
    disk_files, disk_load = disk_modules(opts, parts)
    opts.load = disk_load + opts.load
    base = guest_files(opts, parts)
    files = copies(opts, parts) + disk_files + module_files
    opts.command = shell_words(opts.command)
    find_prb(opts, parts)
    sweep(parts)
    rundir = tempfile.mkdtemp(prefix=f"run.{os.getpid()}.", dir=parts.dir)
    machine = (bochs.Bochs if opts.vendor == "intel" else qemu.Qemu)(opts, parts, rundir)
    link = None
    try:
        base, files = machine.payload(base, files)
        link = Link(machine, machine.start(), opts)
        if link.tty:
            signal.signal(signal.SIGWINCH, lambda *_: link.on_terminal_size())
        link.run(base, files, say)
        ended = machine.finish(link.timed_out)
        return judge(opts, machine, link, ended)
    finally:
        if machine.process and machine.process.poll() is None:
            machine.process.kill()
            machine.process.wait()
        if opts.keep:
            kept = parts.path(f"kept.{os.getpid()}")
            os.rename(rundir, kept)
            say(f"kept {kept}")
        else:
            shutil.rmtree(rundir, ignore_errors=True)


def on_signal(number, _frame):
    raise Interrupted(number)


def main(argv):
    for fd in range(3):  # a closed one would be taken by the next file opened
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        opts = parse(argv)
        check(opts)
        return run(opts, Parts())
    except Interrupted as e:
        say(f"ended by {signal.Signals(e.number).name}")
        return 128 + e.number
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except (PartsError, OSError, subprocess.CalledProcessError) as e:
        say(str(e))
        return RIG_ERROR
