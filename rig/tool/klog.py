# SPDX-License-Identifier: MIT
"""Reads the emulated host's kernel log out of its memory, and judges it.

The log is Linux 6.1's printk ring buffer: descriptors, an info for each, and the text.
Read from outside, it costs the host nothing and is there when the host hangs.
"""
import re
import struct

HEAD = 8 * 8        # the part of struct printk_ringbuffer in use here
DESC, INFO = 24, 88  # sizes of struct prb_desc and struct printk_info
MARK = "rig: begin"  # AGENT_MARK

TROUBLE = re.compile(
    r"\bBUG:|\bWARNING: |\bOops\b|general protection fault|unable to handle|"
    r"soft lockup|hard LOCKUP|rcu.*(stall|self-detected)|Kernel panic|kernel BUG at|"
    r"blocked for more than|refcount_t:|UBSAN|KASAN|double fault|bad page|"
    r"scheduling while atomic|list_(add|del) corruption|Bad (page|rss)|"
    r"unchecked MSR access|invalid opcode:")

NMI = re.compile(r"NMI received for unknown reason|panic - not syncing: NMI")


def kernel_pa(va):
    """Without KASLR the kernel's two maps of memory are where they always are."""
    if va >= 0xffffffff80000000:
        return va - 0xffffffff80000000
    return va - 0xffff888000000000


def collect(read, prb):
    """The four pieces of the log; read(pa, length) reads the host's memory."""
    ring, = struct.unpack("<Q", read(kernel_pa(prb), 8))
    head = read(kernel_pa(ring), HEAD)
    words = struct.unpack("<8Q", head)
    count, size = words[0] & 0xffffffff, words[6] & 0xffffffff
    if count > 20 or size > 25:
        return None
    return (head, read(kernel_pa(words[1]), DESC << count),
            read(kernel_pa(words[2]), INFO << count), read(kernel_pa(words[7]), 1 << size))


def load(path):
    """The same from the file that the shim writes."""
    try:
        data = open(path, "rb").read()
    except FileNotFoundError:
        return None
    pieces, at = [], 0
    while at + 8 <= len(data):
        size, = struct.unpack_from("<Q", data, at)
        pieces.append(data[at + 8:at + 8 + size])
        at += 8 + size
    return pieces if len(pieces) == 4 else None


def decode(pieces):
    """Lines "[ seconds] text", oldest first."""
    if not pieces:
        return []
    _, descs, infos, text = pieces
    mask = len(text) - 1
    records = []
    for i in range(len(descs) // DESC):
        state, begin, _ = struct.unpack_from("<QQQ", descs, i * DESC)
        seq, stamp, length = struct.unpack_from("<QQH", infos, i * INFO)
        if state >> 62 not in (1, 2) or begin & 1:  # committed or finalized, with text
            continue
        at = begin & mask
        if at + 8 + length > len(text):  # a block that would wrap lies at the start
            at = 0
        line = text[at + 8:at + 8 + length].decode("utf-8", "replace")
        records.append((seq, stamp, line))
    lines = []
    for _, stamp, line in sorted(records):
        lines += [f"[{stamp / 1e9:12.6f}] {part}" for part in line.split("\n")]
    return lines


def mark(lines):
    """Where the run began in the log."""
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].endswith(MARK):
            return i
    return None


def since_mark(lines):
    at = mark(lines)
    return [] if at is None else lines[at + 1:]


def tail(lines):
    """The end of the log: what the run added, or where the boot stopped."""
    at = mark(lines)
    return lines[-60:] if at is None else lines[max(at, len(lines) - 80):]


def trouble(lines):
    """The lines around what should never be in the log, since the run began.

    The panic at the rig's own NMI does not count.
    """
    at = mark(lines)
    lines = lines[0 if at is None else at + 1:]
    for i, line in enumerate(lines):
        if NMI.search(line):
            break
        if TROUBLE.search(line):
            return lines[max(i - 2, 0):i + 50]
    return []
