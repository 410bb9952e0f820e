import io
import struct

import pytest
from PIL import Image

from autotag.inference.keywords import jpeg
from autotag.inference.keywords.blocks import Blocks, Damaged

PACKET = b"<x/>"


def segment(code: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload


def picture(*segments: bytes) -> io.BytesIO:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "JPEG")
    start = content.getvalue()
    # Behind JFIF's own segment.
    end = 4 + struct.unpack(">H", start[4:6])[0]
    return io.BytesIO(start[:end] + b"".join(segments) + start[end:])


def written(source: io.BytesIO, blocks: Blocks) -> bytes:
    target = io.BytesIO()
    jpeg.write(source, target, blocks)
    return target.getvalue()


def test_new_segments_stand_behind_those_that_come_first() -> None:
    source = picture(segment(0xE1, b"Exif\x00\x00MM\x00*"), segment(0xFE, b"a comment"))
    content = written(source, Blocks(PACKET, b"\x1c\x02\x19\x00\x01a"))
    assert (
        content.index(b"Exif")
        < content.index(PACKET)
        < content.index(b"Photoshop")
        < content.index(b"a comm")
    )
    assert content.endswith(source.getvalue()[-200:])
    assert jpeg.read(io.BytesIO(content)) == Blocks(PACKET, b"\x1c\x02\x19\x00\x01a")


def test_other_resources_of_photoshop_are_kept_and_the_digest_is_new() -> None:
    other = b"8BIM\x04\x08\x03abc" + struct.pack(">I", 3) + b"xyz\x00"
    stale = b"8BIM\x04\x25\x00\x00" + struct.pack(">I", 16) + b"s" * 16
    content = written(picture(segment(0xED, jpeg.PHOTOSHOP_MARK + stale + other)), Blocks(PACKET, b"data"))
    assert other in content
    assert b"s" * 16 not in content
    assert content.count(b"8BIM\x04\x25") == 1


def test_resources_may_go_on_over_several_segments() -> None:
    large = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", 100_000) + b"i" * 100_000
    parts = [segment(0xED, jpeg.PHOTOSHOP_MARK + large[start : start + 60_000]) for start in (0, 60_000)]
    assert jpeg.read(picture(*parts)).iptc == b"i" * 100_000
    content = written(picture(*parts), Blocks(PACKET, b"j" * 100_000))
    assert jpeg.read(io.BytesIO(content)).iptc == b"j" * 100_000


def test_nothing_shifts_behind_the_place_that_other_pictures_are_counted_from() -> None:
    behind = picture(segment(0xE2, b"MPF\x00rest"), segment(0xE1, jpeg.XMP_MARK + PACKET))
    with pytest.raises(Damaged):
        written(behind, Blocks(PACKET))
    before = picture(segment(0xE1, jpeg.XMP_MARK + b"<old/>"), segment(0xE2, b"MPF\x00rest"))
    content = written(before, Blocks(PACKET))
    assert before.getvalue().partition(b"MPF\x00")[2] == content.partition(b"MPF\x00")[2]


def test_a_packet_that_fits_into_no_segment_is_refused() -> None:
    with pytest.raises(Damaged):
        written(picture(), Blocks(b"x" * 70_000))
