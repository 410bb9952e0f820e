"""Small files that cost whoever reads them much: time, or memory as far as the limit of pixels lets them.

Each is made within a moment, so that a test costs no more than what is tested.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

MEBIBYTE = 1 << 20
XMP_HEAD = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description rdf:about="">'
)
XMP_TAIL = b"</rdf:Description></rdf:RDF></x:xmpmeta>"


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def small(mode: str = "RGB") -> Image.Image:
    return Image.radial_gradient("L").resize((96, 64)).convert(mode)


def zeros(size: int) -> bytes:
    """So many zeros as a zlib stream: one compressed mebibyte, said again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MEBIBYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    end = rest.compress(bytes(size % MEBIBYTE)) + rest.flush()
    # Adler-32 of zeros.
    check = struct.pack(">I", (size % 65_521) << 16 | 1)
    return b"\x78\xda" + block * (size // MEBIBYTE) + end + check


def black_png(width: int, height: int, *, bits: int = 8, colour: int = 0, samples: int = 1) -> bytes:
    """A black PNG of these sides in pixels, of so many bits a sample."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = zeros(height * (1 + (width * bits * samples + 7) // 8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def scanned_again(picture: Image.Image, times: int, **options: Any) -> bytes:
    """A JPEG whose last scan is there so many times more: each costs its decoder a look at each block."""
    content = saved(picture, "JPEG", **options)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * (times + 1) + content[-2:]


def filled_up_jpeg(size: int) -> bytes:
    """A JPEG with so many bytes of padding in front of a marker, which the format allows."""
    content = saved(small(), "JPEG")
    return content[:2] + b"\xff" * size + content[2:]


def webp_with_packet(inside: bytes) -> bytes:
    """A WebP with an XMP packet, which this kind of file neither compresses nor limits."""
    packet = XMP_HEAD + inside + XMP_TAIL
    body = saved(small(), "WEBP")[8:] + b"XMP " + struct.pack("<I", len(packet)) + packet
    body += b"\0" * (len(packet) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def subjects_in_subjects(depth: int, items: int) -> bytes:
    """A packet's text of which each item is in so many lists at once."""
    begin, end = b"<dc:subject>", b"</dc:subject>"
    return begin * depth + b"<rdf:li>a</rdf:li>" * items + end * depth
