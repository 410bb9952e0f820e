"""Small valid files of every kind that is decoded, and ways to make them hostile: by hand, and by mutation."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import ExifTags, Image, ImageCms, PngImagePlugin

PNG_START = b"\x89PNG\r\n\x1a\n"
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\x00"
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag>'
    b"</dc:subject></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
IPTC = b"\x1c\x02\x19\x00\x03cat\x1c\x02\x78\x00\x04text"
PHOTOSHOP = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(IPTC)) + IPTC
SWOLLEN = 60
"""Megabytes of zeros that a bomb unpacks to: far more than the few that are read of metadata."""

BOMB_SIDE = 20_000
"""400 megapixels in all: more than is decoded."""


def picture(side: int = 40) -> Image.Image:
    return Image.radial_gradient("L").resize((side, side - 7)).convert("RGB")


def exif() -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Make] = "Maker"
    made[ExifTags.Base.Orientation] = 6
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.01
    made.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    return made


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def frames(kind: str, **options: Any) -> bytes:
    """Three pictures in one file. Each is new: saving leaves something of a format behind in a picture."""
    first, *rest = (picture().rotate(angle) for angle in (0, 90, 180))
    return saved(first, kind, save_all=True, append_images=rest, **options)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg_segment(code: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload


@cache
def seeds() -> dict[str, bytes]:
    """One small valid file of each kind, format feature and mode that the decoder takes, by name."""
    rgb, palette = picture(), picture().quantize(16)
    transparent = picture().convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(transparent.size))
    deep = picture().convert("L").convert("I;16").point(lambda value: value * 257)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "text")
    text.add_text("Long", "text" * 50, zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    jpeg = saved(rgb, "JPEG", exif=exif(), icc_profile=profile, comment=b"hello")
    return {
        "baseline.jpg": jpeg[:2]
        + jpeg_segment(0xE1, XMP_MARK + XMP)
        + jpeg_segment(0xED, PHOTOSHOP)
        + jpeg[2:],
        "progressive.jpg": saved(rgb, "JPEG", progressive=True, quality=50),
        "grey.jpg": saved(rgb.convert("L"), "JPEG"),
        "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG"),
        "many.jpg": frames("MPO"),
        "rgb.png": saved(rgb, "PNG", pnginfo=text, exif=exif(), icc_profile=profile),
        "palette.png": saved(palette, "PNG", transparency=3),
        "transparent.png": saved(transparent, "PNG"),
        "deep.png": saved(deep, "PNG"),
        "bits.png": saved(rgb.convert("1"), "PNG"),
        "animated.png": frames("PNG"),
        "animated.gif": frames("GIF", transparency=2, comment=b"hello"),
        "lossy.webp": saved(rgb, "WEBP", exif=exif(), xmp=XMP, icc_profile=profile),
        "lossless.webp": saved(transparent, "WEBP", lossless=True),
        "animated.webp": frames("WEBP"),
        "plain.tif": saved(rgb, "TIFF", exif=exif(), tiffinfo={700: XMP, 33723: IPTC}),
        "lzw.tif": saved(palette, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(deep, "TIFF", compression="tiff_adobe_deflate"),
        "packbits.tif": saved(rgb.convert("CMYK"), "TIFF", compression="packbits"),
        "jpeg.tif": saved(rgb, "TIFF", compression="jpeg"),
        "fax.tif": saved(rgb.convert("1"), "TIFF", compression="group4"),
        "float.tif": saved(rgb.convert("F"), "TIFF"),
        "pages.tif": frames("TIFF"),
        "rgb.bmp": saved(rgb, "BMP"),
        "palette.bmp": saved(palette, "BMP"),
        "alpha.bmp": saved(transparent, "BMP"),
    }


# Bombs and oddities by hand.


def bomb_png() -> bytes:
    """400 million black pixels, of one bit each, in 50 kB."""
    return png_with(BOMB_SIDE, BOMB_SIDE, packed_zeros(51), bits=1)


def png_with(
    width: int, height: int, packed: bytes, *between: bytes, bits: int = 8, colour: int = 0
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        PNG_START
        + png_chunk(b"IHDR", header)
        + b"".join(between)
        + png_chunk(b"IDAT", packed)
        + png_chunk(b"IEND", b"")
    )


def packed_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


def swollen_png() -> bytes:
    """One pixel, and 60 MB of zeros behind it in the same stream."""
    return png_with(1, 1, packed_zeros(SWOLLEN))


def text_bomb_png(kind: bytes) -> bytes:
    """A compressed text, or a profile, that unpacks to 60 MB."""
    heads = {
        b"zTXt": b"Comment\x00\x00",
        b"iCCP": b"profile\x00\x00",
        b"iTXt": b"XML:com.adobe.xmp\x00\x01\x00\x00\x00",
    }
    return png_with(1, 1, zlib.compress(b"\x00\x00"), png_chunk(kind, heads[kind] + packed_zeros(SWOLLEN)))


def many_chunks_png() -> bytes:
    return png_with(1, 1, zlib.compress(b"\0\0"), png_chunk(b"tEXt", b"a\0b") * 20_000)


def gif_with(width: int, height: int, frames: int = 1, frame_side: int = 1) -> bytes:
    """A GIF that declares a large canvas and holds small frames."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, frame_side, frame_side, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
    return head + frame * frames + b"\x3b"


def webp_with(width: int, height: int) -> bytes:
    """A WebP whose extended head declares what its picture is not."""
    plain = seeds()["lossy.webp"]
    place = plain.index(b"VP8X") + 12
    return (
        plain[:place]
        + struct.pack("<I", width - 1)[:3]
        + struct.pack("<I", height - 1)[:3]
        + plain[place + 6 :]
    )


Entry = tuple[int, int, int, int]
"""Tag, type, count and value of a TIFF field."""


def ifd(entries: Sequence[Entry], following: int = 0) -> bytes:
    fields = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + fields + struct.pack("<I", following)


def tiff(*directories: bytes, data: bytes = b"") -> bytes:
    return b"II*\x00\x08\x00\x00\x00" + b"".join(directories) + data


PIXEL: list[Entry] = [
    (256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
    (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1),
]  # fmt: skip


def with_fields(*entries: Entry) -> list[Entry]:
    replaced = {entry[0] for entry in entries}
    return [entry for entry in PIXEL if entry[0] not in replaced] + list(entries)


def bomb_tiff() -> bytes:
    """A deflated strip that declares, and unpacks to, 400 megapixels of one bit."""
    packed = packed_zeros(51)
    size = 2 + 12 * len(PIXEL) + 4
    entries = with_fields(
        (256, 4, 1, BOMB_SIDE), (257, 4, 1, BOMB_SIDE), (258, 3, 1, 1), (259, 3, 1, 8), (273, 4, 1, 8 + size),
        (278, 4, 1, BOMB_SIDE), (279, 4, 1, len(packed)),
    )  # fmt: skip
    return tiff(ifd(entries), data=packed)


def cyclic_tiff() -> bytes:
    """Directories that follow one another for ever."""
    size = 2 + 12 * len(PIXEL) + 4
    return tiff(ifd(PIXEL, 8 + size), ifd(PIXEL, 8))


def long_chain_tiff(number: int = 5000) -> bytes:
    size = 2 + 12 * len(PIXEL) + 4
    return tiff(*(ifd(PIXEL, 8 + size * following % (size * number)) for following in range(1, number + 1)))


def sub_directories_tiff(tag: int) -> bytes:
    """A field that leads to a directory whose same field leads back to it."""
    entries = with_fields((tag, 4, 1, 8))
    return tiff(ifd(entries))


def many_fields_tiff() -> bytes:
    """Sixty thousand fields that all name the same large text."""
    entries = PIXEL + [(40_000 + number % 25_000, 2, 60_000, 8) for number in range(60_000)]
    return tiff(ifd(entries), data=bytes(100))


def huge_count_tiff() -> bytes:
    return tiff(ifd(with_fields((258, 3, 0xFFFFFFFF, 8), (700, 1, 0xFFFFFFFF, 8), (33723, 7, 0xFFFFFFF0, 8))))


def jpeg_with(*segments: bytes) -> bytes:
    plain = seeds()["grey.jpg"]
    return plain[:2] + b"".join(segments) + plain[2:]


def jpeg_declaring(width: int, height: int) -> bytes:
    """A JPEG whose frame declares more than its few bytes of scan."""
    plain = seeds()["baseline.jpg"]
    place = plain.index(b"\xff\xc0") + 5
    return plain[:place] + struct.pack(">HH", height, width) + plain[place + 4 :]


def huge_profile_jpeg() -> bytes:
    """A colour profile of 16 MB, in as many parts as there may be."""
    heads = (b"ICC_PROFILE\0" + bytes([number, 255]) for number in range(1, 256))
    return jpeg_with(*(jpeg_segment(0xE2, head + bytes(65_000)) for head in heads))


def deep_xmp() -> bytes:
    """Elements within elements, 50,000 deep."""
    deep = b"<a>" * 50_000 + b"</a>" * 50_000
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + deep + b"</x:xmpmeta>"


def laughing_xmp() -> bytes:
    """Entities that unfold a billion times."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY l0 "lol">{entities}]><x>&l9;</x>'.encode()


def png_with_xmp(packet: bytes) -> bytes:
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + packet)
    return png_with(1, 1, zlib.compress(b"\x00\x00"), chunk)


def polyglot(start: bytes) -> bytes:
    """A picture that is an archive as well, with a page and a script in it."""
    content = io.BytesIO(start)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return content.getvalue()


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file by hand, and the outcomes that are right for it: `tagged`, or codes of a refusal."""

    name: str
    make: Callable[[], bytes]
    outcomes: frozenset[str]


def hostile(name: str, make: Callable[[], bytes], *outcomes: str) -> Hostile:
    return Hostile(name, make, frozenset(outcomes))


TAGGED, UNREADABLE, TRUNCATED = "tagged", "unreadable_image", "truncated_image"
TOO_MANY, SMALL = "too_many_pixels", "image_too_small"
NO_IMAGE, UNSUPPORTED, EMPTY = "not_an_image", "unsupported_format", "empty_file"

BY_HAND = (
    hostile("bomb.png", bomb_png, TOO_MANY),
    hostile("swollen.png", swollen_png, TAGGED),
    hostile("text-bomb.png", lambda: text_bomb_png(b"zTXt"), TAGGED, UNREADABLE),
    hostile("profile-bomb.png", lambda: text_bomb_png(b"iCCP"), TAGGED, UNREADABLE),
    hostile("packet-bomb.png", lambda: text_bomb_png(b"iTXt"), TAGGED, UNREADABLE),
    hostile("declares-4-gigapixels.png", lambda: png_with(65_535, 65_535, b""), TOO_MANY),
    hostile("declares-largest.png", lambda: png_with(0x7FFFFFFF, 0x7FFFFFFF, b""), TOO_MANY, UNREADABLE),
    hostile("no-width.png", lambda: png_with(0, 1, b""), SMALL),
    hostile("75-megapixels-empty.png", lambda: png_with(8660, 8660, b"", bits=16, colour=6), TRUNCATED, UNREADABLE),
    hostile("many-chunks.png", many_chunks_png, TAGGED),
    hostile("canvas.gif", lambda: gif_with(65_535, 65_535), TOO_MANY),
    hostile("canvas-75-megapixels.gif", lambda: gif_with(8660, 8660), TAGGED),
    hostile("frame-larger-than-canvas.gif", lambda: gif_with(1, 1, frame_side=65_535), TOO_MANY, TRUNCATED, UNREADABLE),
    hostile("many-frames.gif", lambda: gif_with(2, 2, frames=50_000), TAGGED),
    hostile("declares.webp", lambda: webp_with(16_384, 16_384), TOO_MANY, UNREADABLE),
    hostile("declares-2-to-the-24.webp", lambda: webp_with(1 << 24, 1 << 24), TOO_MANY, UNREADABLE),
    hostile("bomb.tif", bomb_tiff, TOO_MANY),
    hostile("cyclic.tif", cyclic_tiff, TAGGED),
    hostile("long-chain.tif", long_chain_tiff, TAGGED),
    hostile("exif-within-itself.tif", lambda: sub_directories_tiff(34665), TAGGED, UNREADABLE),
    hostile("gps-within-itself.tif", lambda: sub_directories_tiff(34853), TAGGED, UNREADABLE),
    hostile("sub-within-itself.tif", lambda: sub_directories_tiff(330), TAGGED, UNREADABLE),
    hostile("many-fields.tif", many_fields_tiff, TAGGED, UNREADABLE),
    hostile("huge-counts.tif", huge_count_tiff, TAGGED, UNREADABLE, TRUNCATED),
    hostile("no-directory.tif", lambda: b"II*\x00\xf0\xff\xff\xff", TRUNCATED),
    hostile("declares-4-gigapixels.jpg", lambda: jpeg_declaring(65_500, 65_500), TOO_MANY),
    hostile("many-segments.jpg", lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 100), TAGGED),
    hostile("huge-profile.jpg", huge_profile_jpeg, TAGGED),
    hostile("deep-packet.jpg", lambda: jpeg_with(jpeg_segment(0xE1, XMP_MARK + b"<a>" * 20_000)), TAGGED),
    hostile("deep-packet.png", lambda: png_with_xmp(deep_xmp()), TAGGED),
    hostile("laughing-packet.png", lambda: png_with_xmp(laughing_xmp()), TAGGED),
    hostile("archive.jpg", lambda: polyglot(seeds()["baseline.jpg"]), TAGGED),
    hostile("archive.png", lambda: polyglot(seeds()["rgb.png"]), TAGGED),
    hostile("page.gif", lambda: b"GIF89a/*<script>alert(1)</script>*/=1;", NO_IMAGE, UNREADABLE, TRUNCATED, TOO_MANY),
    hostile("page.bmp", lambda: b"BM<script>alert(1)</script>" * 9, UNREADABLE, NO_IMAGE, TOO_MANY, TRUNCATED),
    hostile("page.jpg", lambda: b"<!doctype html><script>alert(1)</script>", NO_IMAGE),
    hostile("vector.png", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', UNSUPPORTED),
    hostile("postscript.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UNSUPPORTED),
    hostile("called-gif.gif", lambda: seeds()["rgb.png"], TAGGED),
    hostile("called-text.txt", lambda: seeds()["progressive.jpg"], TAGGED),
    hostile("nothing.jpg", lambda: b"", EMPTY),
    hostile("one-byte.jpg", lambda: b"\xff", NO_IMAGE),
    hostile("zeros.png", lambda: bytes(100_000), NO_IMAGE),
)  # fmt: skip


# Mutation: first of the parts that the format has, then of bytes.

Part = tuple[bytes, bytes]
"""A part's head without its length, and its content."""


def parts_of(content: bytes) -> list[Part] | None:
    """The parts of a PNG, a JPEG's header or a WebP; None for what has no such parts."""
    if content.startswith(PNG_START):
        return list(_png_parts(content))
    if content[:4] == b"RIFF":
        return list(_riff_parts(content))
    if content.startswith(b"\xff\xd8"):
        return list(_jpeg_parts(content))
    return None


def _png_parts(content: bytes) -> Iterator[Part]:
    place = len(PNG_START)
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4])
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        place += size + 12


def _riff_parts(content: bytes) -> Iterator[Part]:
    place = 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        yield content[place : place + 4], content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _jpeg_parts(content: bytes) -> Iterator[Part]:
    place = 2
    while content[place : place + 1] == b"\xff" and content[place + 1 : place + 2] not in (
        b"",
        b"\xd9",
        b"\xda",
    ):
        size = int.from_bytes(content[place + 2 : place + 4])
        yield content[place : place + 2], content[place + 4 : place + 2 + size]
        place += 2 + size
    yield b"", content[place:]


def joined(start: bytes, parts: Sequence[Part]) -> bytes:
    """A file of these parts, with lengths and checksums that are right, so that what is wrong lies deeper."""
    if start.startswith(PNG_START):
        return PNG_START + b"".join(png_chunk(kind, body) for kind, body in parts)
    if start[:4] == b"RIFF":
        body = b"".join(
            kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for kind, part in parts
        )
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    segments = b"".join(
        kind + struct.pack(">H", min(len(body) + 2, 0xFFFF)) + body if kind else body for kind, body in parts
    )
    return b"\xff\xd8" + segments


NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Step = tuple[str, float, float, int]
"""What is done, where (a share of the whole), how much, and a number."""

STEPS = (
    "number",
    "byte",
    "cut",
    "insert",
    "zero",
    "repeat",
    "tail",
    "drop-part",
    "double-part",
    "swap-parts",
    "in-part",
)


def mutated(content: bytes, steps: Sequence[Step], other: bytes = b"") -> bytes:
    """The file after these steps; `other` is what `tail` and `insert` take from."""
    for step in steps:
        content = _stepped(content, step, other)
    return content[:200_000]


def _stepped(content: bytes, step: Step, other: bytes) -> bytes:  # noqa: PLR0911 - one for each kind
    kind, where, extent, number = step
    if kind.endswith(("part", "parts")):
        return _with_other_parts(content, step, other)
    place = int(where * len(content))
    length = int(extent * 64) + 1
    match kind:
        case "number":
            value = NUMBERS[number % len(NUMBERS)]
            width = (1, 2, 4)[number % 3]
            order = "little" if content[:2] in (b"II", b"BM", b"RI", b"GI") else "big"
            written = (value & (1 << 8 * width) - 1).to_bytes(width, order)  # type: ignore[arg-type]
            return content[:place] + written + content[place + width :]
        case "byte":
            return content[:place] + bytes([number & 0xFF]) + content[place + 1 :]
        case "cut":
            return content[:place]
        case "insert":
            start = int(extent * len(other))
            return content[:place] + other[start : start + number % 200] + content[place:]
        case "zero":
            return content[:place] + bytes(length) + content[place + length :]
        case "repeat":
            return content[:place] + content[place : place + length] * (number % 50 + 1) + content[place:]
        case _:
            return content[:place] + other[int(extent * len(other)) :]


def _with_other_parts(content: bytes, step: Step, other: bytes) -> bytes:
    kind, where, extent, number = step
    parts = parts_of(content)
    if not parts:
        return content
    place, second = int(where * (len(parts) - 1)), int(extent * (len(parts) - 1))
    match kind:
        case "drop-part":
            del parts[place]
        case "double-part":
            parts[second:second] = [parts[place]] * (number % 20 + 1)
        case "swap-parts":
            parts[place], parts[second] = parts[second], parts[place]
        case _:
            head, body = parts[place]
            parts[place] = head, _stepped(body, ("number", extent, extent, number), other)
    return joined(content, parts)
