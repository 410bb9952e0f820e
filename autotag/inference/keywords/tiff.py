"""XMP and IPTC in a TIFF: two fields of its first directory. The file is copied whole, and a new one follows it."""

from __future__ import annotations

import struct
from typing import BinaryIO

from autotag.inference.keywords.blocks import Blocks, Damaged, copy_rest, read_exactly

XMP, IPTC = 700, 33723
BYTE, UNDEFINED = 1, 7
# Bytes of one value of each type (TIFF 6.0).
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
MOST_FIELDS = 4096
LARGEST_OFFSET = 0xFFFFFFFF

Field = tuple[int, int, int, bytes]
"""Tag, type, count, and the four bytes of the value or of its place."""


def recognises(start: bytes) -> bool:
    """Whether a file with these first bytes is one; the form for files over 4 GB is not read."""
    return start[:4] in (b"II*\x00", b"MM\x00*")


def read(source: BinaryIO) -> Blocks:
    """The blocks of a file."""
    order, fields, _ = _directory(source)
    values = {field[0]: _value(source, order, field) for field in fields if field[0] in (XMP, IPTC)}
    return Blocks(values.get(XMP), values.get(IPTC))


def write(source: BinaryIO, target: BinaryIO, blocks: Blocks) -> None:
    """Copies the file, and lets it begin with a directory that has these blocks."""
    order, fields, following = _directory(source)
    kept = [field for field in fields if field[0] not in (XMP, IPTC)]
    source.seek(0)
    copy_rest(source, target)
    for tag, kind, value in ((XMP, BYTE, blocks.xmp), (IPTC, UNDEFINED, blocks.iptc)):
        if value is not None:
            place = _append(target, value)
            kept.append((tag, kind, len(value), struct.pack(f"{order}I", place)))
    kept.sort(key=lambda field: field[0])
    directory = struct.pack(f"{order}H", len(kept))
    directory += b"".join(struct.pack(f"{order}HHI4s", *field) for field in kept)
    place = _append(target, directory + struct.pack(f"{order}I", following))
    target.seek(4)
    target.write(struct.pack(f"{order}I", place))


def _directory(source: BinaryIO) -> tuple[str, list[Field], int]:
    """The byte order, the fields of the first directory, and the place of the next one."""
    source.seek(0)
    order = "<" if read_exactly(source, 4)[:2] == b"II" else ">"
    (place,) = struct.unpack(f"{order}I", read_exactly(source, 4))
    source.seek(place)
    (count,) = struct.unpack(f"{order}H", read_exactly(source, 2))
    if count > MOST_FIELDS:
        raise Damaged("too many fields")
    content = read_exactly(source, 12 * count)
    fields = [struct.unpack_from(f"{order}HHI4s", content, 12 * number) for number in range(count)]
    (following,) = struct.unpack(f"{order}I", read_exactly(source, 4))
    return order, fields, following


def _value(source: BinaryIO, order: str, field: Field) -> bytes:
    _, kind, count, inside = field
    size = SIZES.get(kind, 1) * count
    if size <= 4:
        return inside[:size]
    source.seek(struct.unpack(f"{order}I", inside)[0])
    return read_exactly(source, size)


def _append(target: BinaryIO, content: bytes) -> int:
    """Writes at the end, on an even place as the format asks for; returns the place."""
    place = target.seek(0, 2)
    if place % 2:
        target.write(b"\x00")
        place += 1
    if place + len(content) > LARGEST_OFFSET:
        raise Damaged("the file would be too large")
    target.write(content)
    return place
