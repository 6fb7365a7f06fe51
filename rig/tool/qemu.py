# SPDX-License-Identifier: MIT
"""The emulated AMD host: QEMU's own emulation (TCG), which has SVM with nested paging."""
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess

import klog
from cpio import Archive

DEFAULT_MODEL = "EPYC"
CMDLINE = "nokaslr no_timer_check tsc=reliable cryptomgr.notests"


def models():
    out = subprocess.run(["qemu-system-x86_64", "-cpu", "help"], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT).stdout.decode()
    return [line.split()[1] for line in out.splitlines() if line.startswith("x86 ")]


class Monitor:
    """QEMU's control socket (QMP)."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rw")
        self.stopped = False
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = self.read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OSError(answer["error"]["desc"])

    def read(self):
        line = self.file.readline()
        if not line:
            raise OSError("QEMU closed its control socket")
        message = json.loads(line)
        if message.get("event") == "SHUTDOWN":
            self.stopped = True
        return message


class Qemu:
    """One emulated host. After start(), sock carries the agent's frames."""
    name = "QEMU"

    def __init__(self, opts, parts, rundir):
        self.opts, self.parts, self.rundir = opts, parts, rundir
        self.model = opts.model or DEFAULT_MODEL
        self.process = self.monitor = None
        self.log_pieces = None

    def path(self, name):
        return os.path.join(self.rundir, name)

    def payload(self, base, files):
        """(files to copy before a snapshot is taken, files to copy after it)

        Files go into the initramfs: the serial port is slow. There are no snapshots.
        """
        with open(self.path("initrd"), "wb") as out:
            with open(self.parts.path("host.cpio"), "rb") as system:
                shutil.copyfileobj(system, out)
            archive = Archive(out)
            for source, dest, mode in base + files:
                archive.file(dest.lstrip("/"), source, mode)
            archive.close()
        return None, []

    def cmdline(self):
        return f"{CMDLINE} rig.channel=serial {self.opts.cmdline}"

    def start(self):
        cpu = self.model if "," in self.model else self.model + ",+svm,+npt"
        ours, theirs = socket.socketpair()
        qmp, qmp_theirs = socket.socketpair()
        argv = ["setpriv", "--pdeathsig=KILL", "--", "qemu-system-x86_64", "-nodefaults",
                "-no-user-config", "-display", "none", "-accel", "tcg",
                "-action", "reboot=shutdown,shutdown=pause",
                "-machine", "pc,usb=off", "-cpu", cpu, "-smp", str(self.opts.cpus),
                "-m", str(self.opts.memory), "-kernel", self.parts.path("vmlinux"),
                "-initrd", self.path("initrd"), "-append", self.cmdline(),
                "-chardev", f"socket,id=rig,fd={theirs.fileno()}", "-serial", "chardev:rig",
                "-chardev", f"socket,id=qmp,fd={qmp_theirs.fileno()}",
                "-mon", "chardev=qmp,mode=control"]
        for disk in self.opts.disk:
            argv += ["-drive", f"file={disk.replace(',', ',,')},if=ide,format=raw"]
        argv += shlex.split(os.environ.get("RIG_QEMU", ""))
        if self.opts.icount is not None:
            argv += ["-icount", self.opts.icount]
        with open(self.path("qemu.out"), "wb") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            pass_fds=[theirs.fileno(), qmp_theirs.fileno()],
                                            start_new_session=True)
        theirs.close()
        qmp_theirs.close()
        qmp.settimeout(20)
        try:
            self.monitor = Monitor(qmp)
        except (OSError, ValueError):
            pass  # QEMU has refused its options; finish() says so
        return ours

    def event_socket(self):
        return self.monitor.sock if self.monitor else None

    def event(self):
        """Reads what QEMU reports; true if the host is over."""
        try:
            self.monitor.read()
        except (OSError, ValueError):
            return True
        return self.monitor.stopped

    def memory_reader(self):
        name = self.path("memory")

        def read(pa, length):
            self.monitor.call("pmemsave", val=pa, size=length, filename=name)
            with open(name, "rb") as f:
                return f.read()
        return read

    def finish(self, hung):
        """Takes the kernel's log, then ends QEMU; returns why it ended early, or None."""
        status = self.process.poll()
        if status is not None or not self.monitor:
            self.process.kill()
            return f"QEMU ended with status {self.process.wait()}"
        try:
            if hung:  # the kernel is to say where it is, and panic
                self.monitor.call("inject-nmi")
                self.monitor.sock.settimeout(5)
                while not self.event():
                    pass
            if self.parts.prb:
                self.monitor.call("stop")
                self.log_pieces = klog.collect(self.memory_reader(), self.parts.prb)
        except (OSError, ValueError, struct.error):
            pass
        self.process.kill()
        self.process.wait()
        if self.monitor.stopped:
            return "the host was reset or switched off (it panicked, or COMMAND did it)"
        return None

    def kernel_log(self):
        return klog.decode(self.log_pieces)

    def own_log(self):
        try:
            with open(self.path("qemu.out"), errors="replace") as f:
                lines = f.read().splitlines()
        except OSError:
            return []
        return [line for line in lines if "TCG doesn't support" not in line][-12:]
