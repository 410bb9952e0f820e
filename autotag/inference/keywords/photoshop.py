"""Photoshop's resources, in which a JPEG has its IPTC data: a list of numbered blocks."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence

from autotag.inference.keywords.blocks import Damaged

SIGNATURE, NO_NAME = b"8BIM", b"\x00\x00"
IPTC, DIGEST = 0x0404, 0x0425

Resource = tuple[bytes, int, bytes, bytes]
"""Signature, number, name as it is written, and data."""


def resources(data: bytes) -> Iterator[Resource]:
    """The resources, in their order; what follows them is padding."""
    place = 0
    while place + 12 <= len(data) and data[place : place + 4].isalnum():
        signature, number = data[place : place + 4], int.from_bytes(data[place + 4 : place + 6])
        name_end = place + 6 + _even(1 + data[place + 6])
        (size,) = struct.unpack_from(">I", data, name_end)
        value = data[name_end + 4 : name_end + 4 + size]
        if len(value) != size:
            raise Damaged("a resource is cut off")
        yield signature, number, data[place + 6 : name_end], value
        place = name_end + 4 + _even(size)


def iptc_in(data: bytes) -> bytes | None:
    """The IPTC data among the resources."""
    return b"".join(value for _, number, _, value in resources(data) if number == IPTC) or None


def with_iptc(data: bytes, iptc: bytes | None) -> bytes:
    """The resources with other IPTC data and their digest, by which programs see whether XMP is newer."""
    kept = [one for one in resources(data) if one[1] not in (IPTC, DIGEST)]
    if iptc is None:
        return _written(kept)
    digest = hashlib.md5(iptc, usedforsecurity=False).digest()
    return _written([(SIGNATURE, IPTC, NO_NAME, iptc), (SIGNATURE, DIGEST, NO_NAME, digest), *kept])


def _written(found: Sequence[Resource]) -> bytes:
    return b"".join(
        signature
        + number.to_bytes(2)
        + name
        + struct.pack(">I", len(value))
        + value.ljust(_even(len(value)), b"\x00")
        for signature, number, name, value in found
    )


def _even(size: int) -> int:
    return size + size % 2
