"""First bytes tell a damaged picture from an unsupported one and from no picture at all."""

from __future__ import annotations

import pytest

from autotag.inference.decoding.signatures import (
    declares_no_pixels,
    ends_early,
    supported_format,
    unsupported_format,
)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"MM\x00*", "TIFF"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"", None),
    ],
)
def test_supported_formats_are_recognised(start: bytes, name: str | None) -> None:
    assert supported_format(start) == name


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x1cftypmp42", None),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe", "PostScript"),
        (b"P6\n3 2\n255\n", "Portable bitmap"),
        (b"P6 is a name", "Portable bitmap"),
        (b"Plain text", None),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?><!-- --><svg>', "SVG"),
        (b"<SVG xmlns=", "SVG"),
        (b"<?xml version='1.0'?><html>", None),
        (b"", None),
    ],
)
def test_unsupported_images_are_named(start: bytes, name: str | None) -> None:
    assert unsupported_format(start) == name


@pytest.mark.parametrize(
    ("start", "size", "early"),
    [
        (b"RIFF\x64\0\0\0WEBP", 108, False),
        (b"RIFF\x64\0\0\0WEBP", 107, True),
        (b"II*\0\x64\0\0\0", 100, True),
        (b"MM\0*\0\0\0\x64", 101, False),
        (b"\xff\xd8\xff", 3, False),
    ],
)
def test_a_header_tells_how_long_the_file_should_be(start: bytes, size: int, early: bool) -> None:
    assert ends_early(start, size) is early


@pytest.mark.parametrize(
    ("start", "empty"),
    [
        (b"GIF89a\0\0\x05\0", True),
        (b"GIF89a\x05\0\x05\0", False),
        (b"GIF89a\0\0", False),
        (b"\xff\xd8\xff\0\0\0\0\0\0\0\0\0", False),
    ],
)
def test_a_header_tells_that_there_are_no_pixels(start: bytes, empty: bool) -> None:
    assert declares_no_pixels(start) is empty
