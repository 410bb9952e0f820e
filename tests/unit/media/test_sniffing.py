import pytest

from autotag.media.sniffing import IMAGE_TYPES, INLINE_TYPES, SNIFFED_BYTES, claims_to_be_image, sniff

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
BMP = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0"
WEBP = b"RIFF\x24\0\0\0WEBPVP8 "


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
        (b"\xff\xd8\xff\xe1\0\x10Exif\0", "image/jpeg"),
        (b"GIF87a\x01\0\x01\0\0", "image/gif"),
        (b"GIF89a\x01\0\x01\0\x80\0\0", "image/gif"),
        (BMP, "image/bmp"),
        (WEBP, "image/webp"),
        (b"II*\0\x08\0\0\0\x0e\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08\0\x0e", "image/tiff"),
        (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
        (b"PK\x03\x04\x14\0\0\0", "application/zip"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"<!doctype html><script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        (b"<?xml version='1.0'?><svg/>", "text/plain"),
        (b"#!/bin/sh\nrm -rf /\n", "text/plain"),
        (b"plain words\twith\r\nlines\x0c", "text/plain"),
        ("Gr\u00fc\u00dfe, \u4f60\u597d \U0001f600".encode(), "text/plain"),
        ("\u6771\u4eac\u3000\u5927\u962a\u00a0\u200d".encode(), "text/plain"),
        (b"\xef\xbb\xbfwith a mark of byte order", "text/plain"),
        ("Gr\u00fc\u00dfe".encode("latin-1"), "application/octet-stream"),
        (b"nearly text\0", "application/octet-stream"),
        (b"bell\x07", "application/octet-stream"),
        ("\u009b31m".encode(), "application/octet-stream"),
        (b"\0" * 64, "application/octet-stream"),
        (b"\xff" * SNIFFED_BYTES, "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_content_tells_the_type(head: bytes, mime_type: str) -> None:
    assert sniff(head) == mime_type


@pytest.mark.parametrize(
    "words",
    [
        b"BMW makes cars.",
        b"GIFs are fun.",
        b"GIF89a/*<svg/onload=alert(1)>*/=1;",
        b"BM<script>alert(1)</script>",
    ],
)
def test_words_that_begin_like_an_image_are_words(words: bytes) -> None:
    assert sniff(words) == "text/plain"


@pytest.mark.parametrize(
    "head", [b" " + PNG, b"\n\xff\xd8\xff\xe0", b"RIFF\x24\0\0\0WAVEfmt ", b"<!--" + PNG]
)
def test_an_image_must_begin_as_one(head: bytes) -> None:
    assert sniff(head) not in IMAGE_TYPES


def test_script_within_an_image_does_not_change_its_type() -> None:
    assert sniff(PNG + b"<script>alert(1)</script>") == "image/png"


@pytest.mark.parametrize("cut", range(4))
def test_text_may_be_cut_in_the_middle_of_a_character(cut: int) -> None:
    head = (b"x" * (SNIFFED_BYTES - 4 + cut) + "\U0001f600".encode())[:SNIFFED_BYTES]
    assert sniff(head) == "text/plain"


def test_a_short_text_may_not_end_in_the_middle_of_a_character() -> None:
    assert sniff("caf\u00e9".encode()[:-1]) == "application/octet-stream"


@pytest.mark.parametrize("at", [0, SNIFFED_BYTES // 2, SNIFFED_BYTES - 8])
def test_long_content_with_bytes_that_are_no_utf_8_is_not_text(at: int) -> None:
    head = bytearray(b"x" * SNIFFED_BYTES)
    head[at] = 0xE9
    assert sniff(bytes(head)) == "application/octet-stream"


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("a.jpg", True),
        ("A.JPEG", True),
        ("b.tiff", True),
        ("b.tif", True),
        ("c.png.exe", False),
        ("png", False),
        (".png", False),
        ("d.svg", False),
        ("e.pdf", False),
        ("", False),
    ],
)
def test_a_name_can_claim_to_be_an_image(name: str, claims: bool) -> None:
    assert claims_to_be_image(name) is claims


def test_nothing_that_can_carry_script_is_shown_inline() -> None:
    assert INLINE_TYPES < IMAGE_TYPES
    assert "image/svg+xml" not in IMAGE_TYPES
