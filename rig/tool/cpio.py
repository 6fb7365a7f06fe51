# SPDX-License-Identifier: MIT
"""Writes cpio archives in the format that Linux takes for an initramfs ("newc")."""
import os
import stat


class Archive:
    def __init__(self, out):
        self.out = out
        self.inode = 0
        self.dirs = set()

    def _entry(self, path, mode, size, rdev=(0, 0)):
        self.inode += 1
        name = path.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, size, 0, 0, *rdev, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
        self.out.write(head + b"\0" * (-len(head) % 4))

    def parents(self, path):
        parts = path.split("/")[:-1]
        for i in range(len(parts)):
            self.directory("/".join(parts[:i + 1]))

    def directory(self, path, mode=0o755):
        if path not in self.dirs:
            self.dirs.add(path)
            self.parents(path)
            self._entry(path, stat.S_IFDIR | mode, 0)

    def data(self, path, content, mode=0o644):
        self.parents(path)
        self._entry(path, stat.S_IFREG | mode, len(content))
        self.out.write(content)
        self.out.write(b"\0" * (-len(content) % 4))

    def file(self, path, source, mode=None):
        if mode is None:
            mode = stat.S_IMODE(os.stat(source).st_mode)
        with open(source, "rb") as f:
            self.data(path, f.read(), mode)

    def link(self, path, target):
        self.parents(path)
        self._entry(path, stat.S_IFLNK | 0o777, len(target))
        self.out.write(target.encode() + b"\0" * (-len(target) % 4))

    def device(self, path, major, minor, mode=0o600):
        self.parents(path)
        self._entry(path, stat.S_IFCHR | mode, 0, (major, minor))

    def close(self):
        self._entry("TRAILER!!!", 0, 0)
        self.out.write(b"\0" * (-self.out.tell() % 512))
