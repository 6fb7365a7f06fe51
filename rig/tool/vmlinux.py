# SPDX-License-Identifier: MIT
"""vmlinux.py BZIMAGE OUT: takes the ELF kernel out of a bzImage.

Also writes OUT.loads, what of it has to be put into memory: lines of "physical-address
file-offset length", hexadecimal, without the zeros at a segment's end.

The setup header says where the compressed payload lies (Documentation/x86/boot.rst,
"payload_offset" and "payload_length"); its last four bytes are the unpacked size.
"""
import os
import struct
import subprocess
import sys

UNPACKERS = {
    b"\x02\x21\x4c\x18": ["lz4", "-dcq"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"],
    b"\xfd7zX": ["xz", "-dcq", "--single-stream"],
    b"\x1f\x8b\x08\x00": ["gzip", "-dcq"],
}


def loads(elf):
    phoff, = struct.unpack_from("<Q", elf, 32)
    phentsize, phnum = struct.unpack_from("<HH", elf, 54)
    for i in range(phnum):
        kind, _, offset, _, pa, size = struct.unpack_from("<IIQQQQ", elf, phoff + i * phentsize)
        if kind == 1:
            size = len(elf[offset:offset + size].rstrip(b"\0"))
            yield f"{pa:x} {offset:x} {size:x}\n"


def main(source, out):
    image = open(source, "rb").read()
    if image[0x202:0x206] != b"HdrS":
        sys.exit(f"vmlinux: {source} is no bzImage")
    start = (image[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[start + offset:start + offset + length]
    unpacker = UNPACKERS.get(payload[:4])
    if not unpacker:
        sys.exit(f"vmlinux: {source} is packed in a way unknown here ({payload[:4].hex()})")
    size, = struct.unpack("<I", payload[-4:])
    # The size that follows the compressed stream makes some of them complain.
    done = subprocess.run(unpacker, input=payload[:-4], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if len(done.stdout) != size or done.stdout[:4] != b"\x7fELF":
        sys.exit(f"vmlinux: {source} does not unpack: {done.stderr.decode().strip()}")
    with open(out + ".new", "wb") as f:
        f.write(done.stdout)
    with open(out + ".loads", "w") as f:
        f.writelines(loads(done.stdout))
    os.rename(out + ".new", out)


main(*sys.argv[1:3])
