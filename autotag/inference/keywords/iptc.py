"""Keywords in IPTC data (IIM 4.2): dataset 2:25, one for each keyword."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

MARKER = 0x1C
RECORD_OF_TEXT = 2
KEYWORDS = (2, 25)
CHARACTER_SET = (1, 90)
RECORD_VERSION = (2, 0)
UTF_8 = b"\x1b%G"
LONGEST_KEYWORD = 64
"""Bytes that the standard allows."""

NO_TEXT = frozenset({(2, 0), (2, 125), (2, 200), (2, 201), (2, 202)})
"""Datasets of the second record that are numbers or pictures."""

Dataset = tuple[tuple[int, int], bytes]


def read_keywords(data: bytes) -> list[str]:
    """The keywords. Raises struct.error for data that are cut off."""
    sets = list(datasets(data))
    encoding = _encoding(sets)
    return [value.decode(encoding, "replace") for key, value in sets if key == KEYWORDS]


def with_keywords(data: bytes | None, keywords: Sequence[str]) -> bytes | None:
    """The data with just these keywords, in UTF-8, and whatever else they say; None when there is nothing to say."""
    sets = [] if data is None else list(datasets(data))
    if data is None and not keywords:
        return None
    encoding = _encoding(sets)
    kept = [
        (key, _as_utf_8(key, value, encoding)) for key, value in sets if key not in (KEYWORDS, CHARACTER_SET)
    ]
    if not any(key == RECORD_VERSION for key, _ in kept):
        kept.append((RECORD_VERSION, b"\x00\x04"))
    kept.append((CHARACTER_SET, UTF_8))
    kept += [(KEYWORDS, shortened(keyword)) for keyword in keywords]
    # The sort is stable: the envelope first, the version before the rest of its record.
    kept.sort(key=lambda one: (one[0][0], one[0] != RECORD_VERSION))
    return b"".join(map(_written, kept))


def datasets(data: bytes) -> Iterator[Dataset]:
    """The datasets with record and number; what follows the last one is padding."""
    position = 0
    while position + 5 <= len(data) and data[position] == MARKER:
        _, record, number, size = struct.unpack_from(">BBBH", data, position)
        position += 5
        if size & 0x8000:
            length = size & 0x7FFF
            size = int.from_bytes(_part(data, position, min(length, 8)))
            position += length
        yield (record, number), _part(data, position, size)
        position += size


def shortened(keyword: str) -> bytes:
    """A keyword in UTF-8, cut between letters where it is longer than the standard allows; XMP has it whole."""
    return keyword.encode()[:LONGEST_KEYWORD].decode(errors="ignore").encode()


def _part(data: bytes, position: int, size: int) -> bytes:
    part = data[position : position + size]
    if len(part) != size:
        raise struct.error("the data are cut off")
    return part


def _encoding(sets: Sequence[Dataset]) -> str:
    """UTF-8 where the data say so or are it, else Latin-1, which most programs meant that said nothing."""
    if (CHARACTER_SET, UTF_8) in sets:
        return "utf-8"
    try:
        for key, value in sets:
            if key[0] == RECORD_OF_TEXT and key not in NO_TEXT:
                value.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _as_utf_8(key: tuple[int, int], value: bytes, encoding: str) -> bytes:
    if key[0] != RECORD_OF_TEXT or key in NO_TEXT:
        return value
    return value.decode(encoding, "replace").encode()


def _written(dataset: Dataset) -> bytes:
    (record, number), value = dataset
    if len(value) < 0x8000:
        return struct.pack(">BBBH", MARKER, record, number, len(value)) + value
    return struct.pack(">BBBHI", MARKER, record, number, 0x8004, len(value)) + value
