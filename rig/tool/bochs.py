# SPDX-License-Identifier: MIT
"""The emulated Intel host: Bochs, with the kernel put straight into its memory."""
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess

import klog

LOW, ROM, IPS = 0x60000, 0xd0000, 100000000
SNAPSHOTS_KEPT = 6
DEFAULT_MODEL = "broadwell_ult"

# What rigcall.h's RIG_END_* mean
ENDS = {
    71: "the host was reset (it panicked, or COMMAND rebooted it)",
    72: "the kernel image could not be read",
}

CMDLINE = (
    "nokaslr no_timer_check tsc=reliable cryptomgr.notests "
    f"tsc_early_khz={IPS // 1000} idle=halt "
    "initcall_blacklist=load_system_certificate_list,tracer_init_tracefs,"
    "crypto_kdf108_init,cubictcp_register,kfunc_init,bpf_prog_test_run_init,"
    "bpf_tcp_ca_kfunc_init,bpf_rstat_kfunc_init,bpf_key_sig_kfuncs_init,"
    "ftrace_check_for_weak_functions,ftrace_check_sync,trace_eval_init,trace_eval_sync,"
    "init_kprobe_trace")

CONFIG = """\
plugin_ctrl: unmapped=1, biosdev=0, speaker=0, gameport=0, parallel=0, extfpuirq=1, iodebug=1
display_library: term
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
optromimage1: file={rom}, address={rom_at:#x}
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
port_e9_hack: enabled=1
clock: sync=none, time0=1700000000
vga: update_freq=1
log: -
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


def models():
    out = subprocess.run(["bochs-bin", "--help", "cpu"], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT).stdout.decode()
    names = out.partition("Supported CPU models:")[2].split("\n\n")
    return names[1].split() if len(names) > 1 else []


def low_pages(cmdline, setup_header, initrd_at, initrd_size):
    """What boot.S expects at LOW."""
    low = bytearray(0x8000)
    low[0x1f1:0x1f1 + len(setup_header)] = setup_header
    low[0x210] = 0xff                                   # type_of_loader: none known
    low[0x211] |= 1                                     # loadflags: LOADED_HIGH
    struct.pack_into("<II", low, 0x218, initrd_at, initrd_size)
    struct.pack_into("<I", low, 0x228, LOW + 0x1000)    # cmd_line_ptr
    text = cmdline.encode() + b"\0"
    low[0x1000:0x1000 + len(text)] = text
    tables = LOW + 0x2000
    struct.pack_into("<Q", low, 0x2000, tables + 0x1000 | 3)
    for i in range(4):
        struct.pack_into("<Q", low, 0x3000 + 8 * i, tables + 0x2000 + i * 0x1000 | 3)
        for j in range(512):
            struct.pack_into("<Q", low, 0x4000 + 0x1000 * i + 8 * j, i << 30 | j << 21 | 0x83)
    return low


class Snapshot:
    """A saved state of a host that has booted, below build/rig/cache.

    Its name is a hash of everything that went into it, so that it cannot be stale.
    """

    def __init__(self, parts, options):
        with open(parts.path("parts.sum"), "rb") as f:
            key = hashlib.sha256(f.read() + options.encode()).hexdigest()[:20]
        self.folder = parts.path("cache")
        self.dir = os.path.join(self.folder, key)
        self.new = f"{self.dir}.{os.getpid()}"
        os.makedirs(self.folder, exist_ok=True)

    def exists(self):
        return os.path.exists(os.path.join(self.dir, "complete"))

    def use(self):
        os.utime(self.dir)
        return self.dir

    def finish(self):
        """Puts a new state, saved during the run, in its place; drops the oldest."""
        if not os.path.exists(os.path.join(self.new, "complete")):
            shutil.rmtree(self.new, ignore_errors=True)
            return
        config = os.path.join(self.new, "config")
        with open(config) as f:
            lines = [line for line in f if not line.startswith("optrom")]
        with open(config, "w") as f:
            f.writelines(lines)
        try:
            os.rename(self.new, self.dir)
        except OSError:  # another run was first
            shutil.rmtree(self.new, ignore_errors=True)
        for name in os.listdir(self.folder):  # left by a run that was killed
            pid = name.partition(".")[2]
            if pid and not os.path.exists(f"/proc/{pid}"):
                shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)
        states = [e for e in os.scandir(self.folder) if e.name.isalnum()]
        states.sort(key=lambda e: e.stat().st_mtime, reverse=True)
        for state in states[SNAPSHOTS_KEPT:]:
            shutil.rmtree(state.path, ignore_errors=True)


class Bochs:
    """One emulated host. After start(), sock carries the agent's frames."""
    name = "Bochs"

    def __init__(self, opts, parts, rundir):
        self.opts, self.parts, self.rundir = opts, parts, rundir
        self.model = opts.model or DEFAULT_MODEL
        self.process = self.snapshot = None
        self.disks, self.locked = [], False
        self.restoring = False

    def path(self, name):
        return os.path.join(self.rundir, name)

    def payload(self, base, files):
        """(files to copy before a snapshot is taken, files to copy after it)

        Here all files go through the channel, and the base is part of the snapshot.
        """
        if self.opts.snapshots:
            self.snapshot = Snapshot(self.parts, self.config() + self.cmdline() +
                                     self.opts.feature_control + repr(base))
            self.restoring = self.snapshot.exists()
        return (None if self.restoring else base), files

    def cmdline(self):
        return f"{CMDLINE} rig.channel=e9 {self.opts.cmdline}"

    def write_images(self):
        with open(self.parts.path("kernel/boot/vmlinuz-" + self.parts.release), "rb") as f:
            head = f.read(0x300)
        setup = head[0x1f1:0x202 + head[0x201]]
        initrd = self.parts.path("host.cpio")
        loads, top = [], 0
        for line in open(self.parts.path("vmlinux.loads")):
            pa, offset, size = (int(word, 16) for word in line.split())
            loads.append((pa, offset, size, self.parts.path("vmlinux")))
            top = max(top, pa + size)
        init_size, = struct.unpack_from("<I", head, 0x260)  # with .bss and .brk
        top = max(top, 0x1000000 + init_size)
        initrd_at, initrd_size = (top + 0x1fffff) & ~0x1fffff, os.path.getsize(initrd)
        if initrd_at + initrd_size + (32 << 20) > self.opts.memory << 20:
            raise OSError(f"--memory {self.opts.memory} is too small for the host's kernel")
        low = low_pages(self.cmdline(), setup, initrd_at, initrd_size)
        with open(self.path("low"), "wb") as f:
            f.write(low)
        loads += [(initrd_at, 0, initrd_size, initrd), (LOW, 0, len(low), self.path("low"))]
        with open(self.path("loads"), "w") as f:
            for pa, offset, size, name in loads:
                f.write(f"{pa:x} {offset:x} {size:x} {os.path.abspath(name)}\n")

    def config(self):
        disks = ""
        for place, disk in zip(("master", "slave"), self.opts.disk):
            disks += f'ata0-{place}: type=disk, path="{os.path.abspath(disk)}", mode=flat\n'
        if disks:
            disks = "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n" + disks
        return disks + CONFIG.format(memory=self.opts.memory, rom=self.parts.path("boot.rom"), rom_at=ROM,
                             model=self.model, cpus=self.opts.cpus, ips=IPS)

    def lock_disks(self):
        """Bochs' own locks are files that outlive it: so those are only ours to remove."""
        for disk in self.opts.disk:
            f = open(disk, "rb")  # pylint: disable=consider-using-with
            self.disks.append(f)
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OSError(f"--disk {disk}: in use by another rig/run") from None
        self.locked = True
        self.unlock_disks()

    def unlock_disks(self):
        for disk in self.opts.disk if self.locked else ():
            try:
                os.unlink(os.path.abspath(disk) + ".lock")
            except FileNotFoundError:
                pass

    def start(self):
        self.lock_disks()
        with open(self.path("go"), "w") as f:
            f.write("c\n")
        argv = ["bochs-bin", "-q", "-rc", self.path("go")]
        if self.restoring:
            argv += ["-r", self.snapshot.use()]
        else:
            self.write_images()
            with open(self.path("bochsrc"), "w") as f:
                f.write(self.config())
            argv += ["-f", self.path("bochsrc")]
        ours, theirs = socket.socketpair()
        env = dict(os.environ, LD_PRELOAD=os.path.abspath(self.parts.path("shim.so")),
                   RIG_FD=str(theirs.fileno()), RIG_LOADS=self.path("loads"),
                   RIG_KLOG=self.path("klog"), TERM="linux", LINES="25", COLUMNS="80")
        if self.parts.prb:
            env["RIG_PRB"] = hex(self.parts.prb)
        for name in ("RIG_SNAPSHOT", "RIG_LOCK_VMX"):
            env.pop(name, None)
        if self.opts.feature_control == "locked-off":
            env["RIG_LOCK_VMX"] = "1"
        if self.snapshot and not self.restoring:
            env["RIG_SNAPSHOT"] = self.snapshot.new
        with open(self.path("bochs.out"), "wb") as out:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, pass_fds=[theirs.fileno()],
                                            start_new_session=True)
        theirs.close()
        return ours

    def event_socket(self):
        return None

    def finish(self, hung):
        """Ends Bochs, if need be; returns why it ended early, or None."""
        steps = [(0, 2)]
        if hung:  # the kernel is to say where it is, and panic
            steps = [(signal.SIGUSR2, 10)]
        for number, patience in steps + [(signal.SIGUSR1, 5), (signal.SIGKILL, None)]:
            if number:
                self.process.send_signal(number)
            try:
                self.process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                pass
        self.unlock_disks()
        if self.snapshot:
            self.snapshot.finish()
        status = self.process.returncode
        if status in (0, 70):
            return None
        return ENDS.get(status, f"Bochs ended with status {status}")

    def kernel_log(self):
        return klog.decode(klog.load(self.path("klog")))

    def own_log(self):
        """What the emulator itself had to say, for when it died."""
        text = ""
        try:
            with open(self.path("bochs.out"), errors="replace") as f:
                text = f.read()
        except OSError:
            pass
        lines = [line for line in text.splitlines() if "PANIC" in line or ">>" in line]
        return (lines or text.splitlines())[-12:]
