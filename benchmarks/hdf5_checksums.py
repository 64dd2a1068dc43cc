"""Make a changed HDF5 file's checksums right again, as somebody would who wants it to be read."""

from __future__ import annotations

import struct

from sciml.solvers.files.seal import BLOCK, seal


def forged(data: bytes | bytearray, blocks: list[tuple[int, int]]) -> bytes:
    """``data`` with the checksums behind all ``blocks`` and the seal made right again."""
    copy = bytearray(data)
    for start, end in blocks:
        struct.pack_into("<I", copy, end, lookup3(bytes(copy[start:end])))
    body = bytes(copy[BLOCK:])
    return seal(body) + body


def structures(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of the superblock and of every object header; a 4-byte checksum follows each.

    Source: HDF5 File Format Specification 3.0, sections II.A (superblock version 2) and IV.A.1.b (headers).
    """
    blocks = [(BLOCK, BLOCK + 44)]
    start = data.find(b"OHDR")
    while start >= 0:
        flags, at = data[start + 5], start + 6
        at += 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        blocks.append((start, at + width + int.from_bytes(data[at : at + width], "little")))
        start = data.find(b"OHDR", at)
    return blocks


def lookup3(data: bytes) -> int:
    """Jenkins's lookup3 hash (2006), the checksum of HDF5's structures."""
    mask = 2**32 - 1

    def rotate(x: int, k: int) -> int:
        return (x << k | x >> 32 - k) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    words = struct.iter_unpack("<3I", data.ljust(-(-len(data) // 12) * 12, b"\0"))
    *first, last = words
    for x, y, z in first:
        a, b, c = a + x & mask, b + y & mask, c + z & mask
        for k in (4, 6, 8, 16, 19, 4):
            a, c = (a - c & mask) ^ rotate(c, k), c + b & mask
            a, b, c = b, c, a
    a, b, c = (s + word & mask for s, word in zip((a, b, c), last, strict=True))
    for k in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, (c ^ b) - rotate(b, k) & mask, a
    return b
