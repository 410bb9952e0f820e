"""XMP in a WebP: a chunk of its own, which takes the extended form. The pictures are copied as they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from autotag.inference.keywords.blocks import Blocks, Damaged, copy_bytes, copy_rest, read_exactly

EXTENDED, XMP = b"VP8X", b"XMP "
PICTURES = (b"VP8 ", b"VP8L")
HAS_XMP, HAS_ALPHA = 0x04, 0x10
HEAD_BYTES = 12
LARGEST_SIDE_BITS = 14


def recognises(start: bytes) -> bool:
    """Whether a file with these first bytes is one."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def read(source: BinaryIO) -> Blocks:
    """The blocks of a file."""
    for kind, place, size in _chunks(source):
        if kind == XMP:
            source.seek(place)
            return Blocks(xmp=read_exactly(source, size))
    return Blocks()


def write(source: BinaryIO, target: BinaryIO, blocks: Blocks) -> None:
    """Copies the file with this packet at its end instead of its own."""
    chunks = list(_chunks(source))
    if not chunks or blocks.xmp is None:
        raise Damaged("nothing is in it")
    # Readers of the plain form look at the first chunk alone; in the extended form they would refuse the file.
    kinds = [kind for kind, _, _ in chunks]
    if sum(kind in PICTURES for kind in kinds) > 1 or EXTENDED in kinds[1:]:
        raise Damaged("its parts do not go together")
    end = chunks[-1][1] + _even(chunks[-1][2])
    if end != _even(_end(source)):
        raise Damaged("its parts do not fill it")
    target.write(b"RIFF\x00\x00\x00\x00WEBP")
    if chunks[0][0] != EXTENDED:
        target.write(EXTENDED + struct.pack("<I", 10) + _extended_head(source, chunks[0]))
    for kind, place, size in chunks:
        if kind == XMP:
            continue
        source.seek(place)
        target.write(kind + struct.pack("<I", size))
        if kind == EXTENDED:
            content = bytearray(read_exactly(source, size))
            content[0] |= HAS_XMP
            target.write(content)
        else:
            copy_bytes(source, target, size)
        target.write(b"\x00" * (_even(size) - size))
    target.write(XMP + struct.pack("<I", len(blocks.xmp)) + blocks.xmp + b"\x00" * (len(blocks.xmp) % 2))
    length = target.tell() - 8
    source.seek(end)
    copy_rest(source, target)
    target.seek(4)
    target.write(struct.pack("<I", length))


def _chunks(source: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and size of each chunk within the length that the file's head names."""
    end = _end(source)
    place = HEAD_BYTES
    while place + 8 <= end:
        source.seek(place)
        kind, size = struct.unpack("<4sI", read_exactly(source, 8))
        yield kind, place + 8, size
        place += 8 + _even(size)


def _end(source: BinaryIO) -> int:
    """Where the file ends, as its head says."""
    source.seek(4)
    (length,) = struct.unpack("<I", read_exactly(source, 4))
    return int(length) + 8


def _extended_head(source: BinaryIO, chunk: tuple[bytes, int, int]) -> bytes:
    """What the extended form says in front of a plain picture: its flags, and its sides less one."""
    kind, place, _ = chunk
    source.seek(place)
    start = read_exactly(source, 10)
    flags = HAS_XMP
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", start, 1)
        width, height = bits & 0x3FFF, bits >> LARGEST_SIDE_BITS & 0x3FFF
        flags |= HAS_ALPHA if bits >> 28 & 1 else 0
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", start, 6))
        width, height = width - 1, height - 1
    else:
        raise Damaged("no picture is in it")
    return struct.pack("<I", flags) + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]


def _even(size: int) -> int:
    return size + size % 2
