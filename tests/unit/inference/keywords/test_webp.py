import io
import struct
from typing import Any

import pytest
from PIL import Image

from autotag.inference.keywords import webp
from autotag.inference.keywords.blocks import Blocks, Damaged


def picture(mode: str = "RGB", size: tuple[int, int] = (33, 17), **options: Any) -> io.BytesIO:
    content = io.BytesIO()
    Image.new(mode, size, "red").save(content, "WEBP", **options)
    return content


def written(source: io.BytesIO, packet: bytes = b"<x/>") -> io.BytesIO:
    target = io.BytesIO()
    webp.write(source, target, Blocks(packet))
    return target


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"lossless": True, "mode": "RGBA"}])
def test_a_plain_file_becomes_an_extended_one_of_its_size(options: dict[str, Any]) -> None:
    target = written(picture(**options), b"odd")
    content = target.getvalue()
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    assert content[12:16] == b"VP8X"
    assert (int.from_bytes(content[24:27], "little"), int.from_bytes(content[27:30], "little")) == (32, 16)
    assert webp.read(target) == Blocks(b"odd")


def test_an_animation_keeps_its_frames_and_a_second_packet_replaces_the_first() -> None:
    source = picture(save_all=True, append_images=[Image.new("RGB", (33, 17), "blue")])
    twice = written(written(source, b"<first/>"), b"<second/>")
    assert twice.getvalue().count(b"XMP ") == 1
    assert webp.read(twice) == Blocks(b"<second/>")
    with Image.open(twice) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]


def test_a_file_without_a_picture_is_refused() -> None:
    with pytest.raises(Damaged):
        written(io.BytesIO(b"RIFF\x04\x00\x00\x00WEBP"))


@pytest.mark.parametrize("more", [b"VP8 ", b"VP8L", b"VP8X"])
def test_a_plain_file_with_parts_that_readers_pass_over_is_refused(more: bytes) -> None:
    plain = picture().getvalue()
    content = plain + struct.pack("<4sI", more, 10) + bytes(10)
    with pytest.raises(Damaged):
        written(io.BytesIO(content[:4] + struct.pack("<I", len(content) - 8) + content[8:]))


def test_a_file_whose_parts_do_not_fill_it_is_refused() -> None:
    content = picture().getvalue() + b"abcdef"
    with pytest.raises(Damaged):
        written(io.BytesIO(content[:4] + struct.pack("<I", len(content) - 8) + content[8:]))


def test_what_follows_the_file_is_kept_behind_it() -> None:
    assert written(io.BytesIO(picture().getvalue() + b"trailer")).getvalue().endswith(b"trailer")
