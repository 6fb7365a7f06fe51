# SPDX-License-Identifier: MIT
"""romsum.py IN OUT: makes the bytes of an option ROM add up to 0 by its last one."""
import sys

rom = bytearray(open(sys.argv[1], "rb").read())
if len(rom) != rom[2] * 512:
    sys.exit(f"romsum: {sys.argv[1]} is {len(rom)} bytes, its header says {rom[2] * 512}")
rom[-1] = -sum(rom[:-1]) & 0xff
open(sys.argv[2], "wb").write(rom)
