"""The metadata segments of a JPEG: XMP in an APP1, IPTC in Photoshop's APP13. The scans are copied as they are."""

from __future__ import annotations

import struct
from typing import BinaryIO

from autotag.inference.keywords import photoshop
from autotag.inference.keywords.blocks import LARGEST_BLOCK, Blocks, Damaged, copy_rest, read_exactly

START = b"\xff\xd8"
APP0, APP1, APP2, APP13 = 0xE0, 0xE1, 0xE2, 0xED
END_OF_HEADER = (0xD9, 0xDA)
STANDALONE = (0x01, *range(0xD0, 0xD8))
LARGEST_PAYLOAD = 0xFFFF - 2
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\x00"
PHOTOSHOP_MARK = b"Photoshop 3.0\x00"
MANY_PICTURES_MARK = b"MPF\x00"
PART_BYTES = LARGEST_PAYLOAD - len(PHOTOSHOP_MARK)
MOST_HEADER_BYTES = 8 * LARGEST_BLOCK

Segment = tuple[int, bytes]


def recognises(start: bytes) -> bool:
    """Whether a file with these first bytes is one."""
    return start.startswith(START + b"\xff")


def read(source: BinaryIO) -> Blocks:
    """The blocks of a file. The first XMP packet is the main one."""
    segments = _header(source)
    packets = [payload[len(XMP_MARK) :] for code, payload in segments if _is_xmp(code, payload)]
    return Blocks(packets[0] if packets else None, photoshop.iptc_in(_photoshop(segments)))


def write(source: BinaryIO, target: BinaryIO, blocks: Blocks) -> None:
    """Copies the file with these blocks instead of its own, in front of whatever counts from its place."""
    source.seek(0)
    segments = _header(source)
    rest = source.tell()
    kept = [one for one in segments if not _is_xmp(*one) and not _is_photoshop(*one)]
    _refuse_what_would_shift(segments)
    made = [] if blocks.xmp is None else [(APP1, XMP_MARK + blocks.xmp)]
    resources = photoshop.with_iptc(_photoshop(segments), blocks.iptc)
    made += [
        (APP13, PHOTOSHOP_MARK + resources[start : start + PART_BYTES])
        for start in range(0, len(resources), PART_BYTES)
    ]
    place = _after_first_segments(kept)
    target.write(START)
    for code, payload in [*kept[:place], *made, *kept[place:]]:
        if len(payload) > LARGEST_PAYLOAD:
            raise Damaged("the packet is too large for a segment")
        target.write(struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload)
    source.seek(rest)
    copy_rest(source, target)


def _header(source: BinaryIO) -> list[Segment]:
    """The segments before the first scan, at whose marker the file is left."""
    source.seek(0)
    if source.read(2) != START:
        raise Damaged("no JPEG")
    found: list[Segment] = []
    total = 0
    while total < MOST_HEADER_BYTES:
        place = source.tell()
        if read_exactly(source, 1) != b"\xff":
            raise Damaged("no marker")
        code = 0xFF
        while code == 0xFF:
            code = read_exactly(source, 1)[0]
        if code in END_OF_HEADER:
            source.seek(place)
            return found
        if code in STANDALONE:
            continue
        (size,) = struct.unpack(">H", read_exactly(source, 2))
        if size < 2:
            raise Damaged("a segment without its length")
        found.append((code, read_exactly(source, size - 2)))
        total += size
    raise Damaged("too much in front of the picture")


def _is_xmp(code: int, payload: bytes) -> bool:
    return code == APP1 and payload.startswith(XMP_MARK)


def _is_photoshop(code: int, payload: bytes) -> bool:
    return code == APP13 and payload.startswith(PHOTOSHOP_MARK)


def _photoshop(segments: list[Segment]) -> bytes:
    """Photoshop's resources, which may go on over several segments."""
    return b"".join(
        payload[len(PHOTOSHOP_MARK) :] for code, payload in segments if _is_photoshop(code, payload)
    )


def _refuse_what_would_shift(segments: list[Segment]) -> None:
    """Pictures behind the first one are named by their distance from a segment: nothing behind it may change."""
    behind = False
    for code, payload in segments:
        if behind and (_is_xmp(code, payload) or _is_photoshop(code, payload)):
            raise Damaged("its metadata stand where they cannot be changed")
        behind = behind or (code == APP2 and payload.startswith(MANY_PICTURES_MARK))


def _after_first_segments(segments: list[Segment]) -> int:
    """Where new segments go: behind those with which every reader expects a JPEG to begin."""
    place = 0
    while place < len(segments) and (
        segments[place][0] == APP0
        or (segments[place][0] == APP1 and segments[place][1].startswith(b"Exif\x00"))
    ):
        place += 1
    return place
