# SPDX-License-Identifier: MIT
"""mkcpio.py host OUT BUSYBOX AGENT MODULE...
   mkcpio.py guest OUT BUSYBOX INIT

Makes the initramfs of the emulated host, or the small one for guests.
"""
import os
import subprocess
import sys

from cpio import Archive


def common(archive, busybox):
    for path in ("dev", "proc", "sys", "tmp", "root", "run"):
        archive.directory(path, 0o1777 if path == "tmp" else 0o755)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3, 0o666)
    archive.file("bin/busybox", busybox, 0o755)
    applets = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, check=True)
    for applet in applets.stdout.decode().split():
        if applet != "busybox":
            archive.link("bin/" + applet, "busybox")
    archive.link("sbin", "bin")
    archive.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.data("etc/group", b"root:x:0:\n")


def host(archive, busybox, agent, *modules):
    common(archive, busybox)
    archive.file("init", agent, 0o755)
    archive.link("bin/rdmsr", "../init")
    for module in modules:
        archive.file("lib/modules-rig/" + os.path.basename(module), module, 0o644)
    archive.directory("guest")


def guest(archive, busybox, init):
    common(archive, busybox)
    archive.file("init", init, 0o755)


def main(kind, out, *rest):
    with open(out + ".new", "wb") as f:
        archive = Archive(f)
        {"host": host, "guest": guest}[kind](archive, *rest)
        archive.close()
    os.rename(out + ".new", out)


main(*sys.argv[1:])
