"""XMP in a PNG: an iTXt chunk. All other chunks are copied as they are. IPTC has no place of its own here."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from autotag.inference.keywords.blocks import (
    LARGEST_BLOCK,
    Blocks,
    Damaged,
    copy_bytes,
    copy_rest,
    read_exactly,
)

START = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"XML:com.adobe.xmp\x00"


def recognises(start: bytes) -> bool:
    """Whether a file with these first bytes is one."""
    return start.startswith(START)


def read(source: BinaryIO) -> Blocks:
    """The blocks of a file."""
    source.seek(len(START))
    while True:
        size, kind = _head(source)
        if kind == b"IEND":
            return Blocks()
        if kind == b"iTXt" and size <= LARGEST_BLOCK:
            content = read_exactly(source, size)
            if content.startswith(KEYWORD):
                return Blocks(xmp=_packet(content))
            source.seek(4, 1)
        else:
            source.seek(size + 4, 1)


def write(source: BinaryIO, target: BinaryIO, blocks: Blocks) -> None:
    """Copies the file with this packet instead of its own, in front of the pixels."""
    source.seek(len(START))
    target.write(START)
    is_first = True
    while True:
        size, kind = _head(source)
        if is_first and kind != b"IHDR":
            raise Damaged("the header is not the first chunk")
        is_first = False
        if kind == b"iTXt" and size <= LARGEST_BLOCK:
            content = read_exactly(source, size)
            check = read_exactly(source, 4)
            if not content.startswith(KEYWORD):
                target.write(struct.pack(">I4s", size, kind) + content + check)
            continue
        target.write(struct.pack(">I4s", size, kind))
        copy_bytes(source, target, size + 4)
        if kind == b"IHDR" and blocks.xmp is not None:
            target.write(_chunk(b"iTXt", KEYWORD + b"\x00\x00\x00\x00" + blocks.xmp))
        if kind == b"IEND":
            copy_rest(source, target)
            return


def _head(source: BinaryIO) -> tuple[int, bytes]:
    size, kind = struct.unpack(">I4s", read_exactly(source, 8))
    return size, kind


def _packet(content: bytes) -> bytes:
    """The text of an iTXt chunk: behind the keyword two flags, a language and a translated keyword."""
    is_compressed = content[len(KEYWORD)] == 1
    text = content[len(KEYWORD) + 2 :].split(b"\x00", 2)[2]
    if not is_compressed:
        return text
    decompressor = zlib.decompressobj()
    packet = decompressor.decompress(text, LARGEST_BLOCK)
    if decompressor.unconsumed_tail:
        raise Damaged("the packet is too large")
    return packet


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
