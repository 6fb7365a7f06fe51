# SPDX-License-Identifier: MIT
"""What the rig is made of, below build/rig, brought up to date before each run."""
import fcntl
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class PartsError(Exception):
    """A part is missing and cannot be made."""


class Parts:
    def __init__(self):
        self.top = TOP
        self.build = os.path.join(TOP, "build")
        self.dir = os.path.join(self.build, "rig")
        self.release = self.prb = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def built(self, name):
        return os.path.join(self.build, name)

    def update(self, notice):
        try:
            with open(self.path("kernel/RELEASE")) as f:
                self.release = f.read().strip()
        except FileNotFoundError:
            raise PartsError("build/rig/kernel is missing: run ./setup.sh") from None
        os.makedirs(self.dir, exist_ok=True)
        with open(self.path("lock"), "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                notice("waiting for another run to build the rig's parts")
                fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(["make", "-s", "-f", "rig/rules.mk", "BUILD=build", "rig-parts"],
                                  cwd=self.top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL,
                                  env={k: v for k, v in os.environ.items()
                                       if not k.startswith(("MAKE", "MFLAGS"))})
        if done.returncode:
            raise PartsError("the rig's parts do not build:\n" + done.stdout.decode().rstrip())
        self.prb = self.known_prb()

    # Where the kernel keeps its log: found out once, by asking a running host

    def known_prb(self):
        try:
            with open(self.path("prb")) as f:
                release, address = f.read().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(address, 16) if release == self.release else None

    def learn_prb(self, text):
        name = self.path(f"prb.{os.getpid()}")
        with open(name, "w") as f:
            f.write(f"{self.release} {text.split()[0]}\n")
        os.rename(name, self.path("prb"))
        self.prb = self.known_prb()
