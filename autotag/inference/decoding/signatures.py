"""Tells by its first bytes what a file is that the decoder refused, so that a person learns more."""

from __future__ import annotations

from typing import Literal

SIGNATURE_BYTES = 512

# What the decoder takes. A file that starts like one of these and still does not open is damaged.
SUPPORTED = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
# Images that the decoder refuses on purpose: rare, or with a risky parser.
UNSUPPORTED = (
    (b"8BPS", "Photoshop"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "PDF"),
    (b"\x00\x00\x01\x00", "Icon"),
    (b"\x00\x00\x02\x00", "Cursor"),
    (b"icns", "Icon"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"DDS ", "DirectDraw"),
    (b"qoif", "QOI"),
    (b"SIMPLE  =", "FITS"),
    (b"v/1\x01", "OpenEXR"),
    (b"II+\x00", "BigTIFF"),
    (b"MM\x00+", "BigTIFF"),
)
# Where a header has width and height: position and length in bytes of each, byte order.
SIZE_FIELDS: dict[str | None, tuple[int, int, Literal["little", "big"]]] = {
    "PNG": (16, 4, "big"),
    "GIF": (6, 2, "little"),
    "BMP": (18, 4, "little"),
}
# The brands that an ISO base media file names at byte 8 (ISO/IEC 23008-12 and the AVIF specification).
ISO_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"avif": "AVIF",
    b"avis": "AVIF",
}


def supported_format(start: bytes) -> str | None:
    """The supported format that `start`, the first bytes of a file, belongs to; None for none."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    return _first_match(start, SUPPORTED)


def unsupported_format(start: bytes) -> str | None:
    """The image format that `start` belongs to and that is not supported; None when it is none known."""
    if start[4:8] == b"ftyp":
        return ISO_BRANDS.get(start[8:12])
    # Portable bitmaps: P1 to P6 and a white space.
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "Portable bitmap"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return "SVG"
    return _first_match(start, UNSUPPORTED)


def declares_no_pixels(start: bytes) -> bool:
    """Whether a PNG, GIF or BMP header gives a width or height of 0; False for other formats."""
    name = supported_format(start)
    if name not in SIZE_FIELDS:
        return False
    position, length, order = SIZE_FIELDS[name]
    field = start[position : position + 2 * length]
    sides = (int.from_bytes(field[:length], order), int.from_bytes(field[length:], order))
    return len(field) == 2 * length and 0 in sides


def ends_early(start: bytes, size: int) -> bool:
    """Whether a WebP or TIFF file of `size` bytes is shorter than its own header says; False for other formats.

    A RIFF file says at byte 4 how many bytes follow; a TIFF file says there where its first directory is.
    """
    if supported_format(start) == "WebP":
        return int.from_bytes(start[4:8], "little") + 8 > size
    if supported_format(start) == "TIFF":
        return int.from_bytes(start[4:8], "little" if start[:1] == b"I" else "big") >= size
    return False


def _first_match(start: bytes, table: tuple[tuple[bytes, str], ...]) -> str | None:
    return next((name for signature, name in table if start.startswith(signature)), None)
