"""Decodes untrusted image files, once, to an upright RGB image. Only the supervised process calls this.

The answer to every bad file is `ImageRejected` with a code and a sentence; nothing else comes out for a fault
of the file.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from autotag.inference.decoding.exif import METADATA_FAULTS, camera_facts
from autotag.inference.decoding.pixels import to_rgb
from autotag.inference.decoding.scans import has_too_many_scans
from autotag.inference.decoding.signatures import (
    SIGNATURE_BYTES,
    declares_no_pixels,
    ends_early,
    supported_format,
    unsupported_format,
)
from autotag.inference.errors import ImageCode, ImageRejected
from autotag.inference.processor_time import TookTooLong, limited_processor_time

# The only parsers that untrusted bytes may reach. JPEG opens MPO as well, which phones write.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
MIME_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
}
# EXIF orientation to the turn that makes the image upright (Exif 3.0, tag 0x0112); 1 is upright already.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Processor time that an image of up to 75 megapixels may take, in seconds: several times what the slowest honest
# one does. Larger limits give more.
DECODING_SECONDS = 10.0
USUAL_PIXELS = 75_000_000
# Pixels from which a message gives tenths of megapixels.
ROUNDED_FROM = 1_000_000
NO_PIXELS = "The image has no pixels."
SLOW = "The image takes too long to decode."
SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Need:
    """The least resolution that the renditions and the model can use, in pixels."""

    longest_side: int = 1
    shorter_side: int = 1

    def reduction(self, size: tuple[int, int]) -> float:
        """By how much an image of `size` (width, height) may shrink; below 1 when it is too small already."""
        return min(max(size) / self.longest_side, min(size) / self.shorter_side)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright RGB image of at least the needed resolution.

    `width` and `height` are the original's, upright, in pixels. `exif` is what the camera noted, by label.
    """

    image: Image.Image
    width: int
    height: int
    mime_type: str
    exif: dict[str, str] = field(default_factory=dict)


def decode(path: Path, need: Need, maximum_pixels: int) -> Decoded:
    """Decodes the first frame of the image file at `path`.

    The number of pixels is checked before any is decoded. Raises `ImageRejected` for every fault of the file.
    """
    with _rejections(path, maximum_pixels), Image.open(path, formats=FORMATS) as image:
        width, height = image.size
        if width * height > maximum_pixels:
            raise _too_many_pixels(width * height, maximum_pixels)
        if width * height == 0:
            raise ImageRejected(ImageCode.IMAGE_TOO_SMALL, NO_PIXELS)
        if image.format in {"JPEG", "MPO"}:
            if has_too_many_scans(path):
                raise ImageRejected(ImageCode.TOO_SLOW, SLOW)
            _draft(image, need)
        # TIFF closes its file with the pixels; the others may have their EXIF data behind them.
        early = camera_facts(image) if image.format == "TIFF" else None
        orientation = _load(image)
        exif = camera_facts(image) if early is None else early
        rgb = to_rgb(image, int(need.reduction(image.size) / 2))
        # Whatever the file carried besides pixels ends here.
        rgb.info = {}
        if orientation in TURNS:
            rgb = rgb.transpose(TURNS[orientation])
        if orientation in SIDEWAYS:
            width, height = height, width
        return Decoded(rgb, width, height, MIME_TYPES[str(image.format)], exif)


def _draft(image: Image.Image, need: Need) -> None:
    """Lets the JPEG decoder skip detail that nobody needs: it scales by 1/2, 1/4 or 1/8 while it decodes."""
    factor = max(1.0, need.reduction(image.size))
    image.draft(None, (int(image.width / factor), int(image.height / factor)))


def _load(image: ImageFile.ImageFile) -> int:
    """Decodes the pixels and returns the EXIF orientation, 1 for none.

    It is read after the pixels, since a PNG may have it at its end, and TIFF turns itself and then forgets
    it. Damaged EXIF data make no good picture a bad one: the image counts as upright.
    """
    image.load()
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except METADATA_FAULTS:
        return 1
    return orientation if isinstance(orientation, int) else 1


@contextmanager
def _rejections(path: Path, maximum_pixels: int) -> Iterator[None]:
    """The decode boundary: turns whatever the decoder raises into `ImageRejected`."""
    try:
        with _pixel_limit(maximum_pixels), limited_processor_time(_seconds(maximum_pixels)):
            yield
    except ImageRejected:
        raise
    except TookTooLong as error:
        raise ImageRejected(ImageCode.TOO_SLOW, SLOW) from error
    except MemoryError as error:
        message = "The image needs more memory than the tagging process may use."
        raise ImageRejected(ImageCode.UNREADABLE_IMAGE, message, "MemoryError") from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(_pixels_named_in(error), maximum_pixels) from error
    except UnidentifiedImageError as error:
        _reject_unknown(path, error)
    # Pillow promises UnidentifiedImageError and OSError, but lets ValueError, SyntaxError, struct.error,
    # IndexError and others escape on damaged files (Pillow issue 9814). Here, in the sandbox, all of them
    # mean: a bad image.
    except Exception as error:
        _reject_unreadable(path, error)


def _seconds(maximum_pixels: int) -> float:
    """The processor time that a file may take where so many pixels are allowed, in seconds."""
    return DECODING_SECONDS * max(1.0, maximum_pixels / USUAL_PIXELS)


@contextmanager
def _pixel_limit(maximum_pixels: int) -> Iterator[None]:
    """Makes Pillow refuse what is over the limit, and keeps its warnings about odd files out of the log.

    It warns at `MAX_IMAGE_PIXELS` and refuses at twice that, some parsers before they allocate; so half the
    limit makes its refusal ours.
    """
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max(1, maximum_pixels // 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _pixels_named_in(error: Image.DecompressionBombError) -> int | None:
    """Pillow says the number of pixels in its message only."""
    found = re.search(r"\((\d+) pixels\)", str(error))
    return int(found[1]) if found else None


def _too_many_pixels(pixels: int | None, maximum_pixels: int) -> ImageRejected:
    limit = _megapixels(maximum_pixels)
    # Rounded up to a tenth where it is large, so that it never reads like the limit itself.
    rounded = pixels if pixels is None or pixels < ROUNDED_FROM else -(-pixels // 100_000) * 100_000
    has = "too many pixels" if rounded is None else f"{_megapixels(rounded)} megapixels"
    return ImageRejected(ImageCode.TOO_MANY_PIXELS, f"The image has {has}; the limit is {limit}.")


def _megapixels(pixels: int) -> str:
    """Millions of pixels with no more digits than they need: 400, 75.1, 0.002."""
    return f"{pixels / 1_000_000:.6f}".rstrip("0").rstrip(".")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(SIGNATURE_BYTES)


def _truncated(error: Exception) -> ImageRejected:
    message = "The image is cut off: the file ends before the picture does."
    return ImageRejected(ImageCode.TRUNCATED_IMAGE, message, type(error).__name__)


def _reject_unknown(path: Path, error: UnidentifiedImageError) -> NoReturn:
    """Rejects a file that no allowed parser recognises, saying what it is as far as its first bytes tell."""
    start = _first_bytes(path)
    if not start:
        raise ImageRejected(ImageCode.EMPTY_FILE, "The file is empty.") from error
    if name := unsupported_format(start):
        message = f"{name} files are not supported; use JPEG, PNG, BMP, GIF, WebP or TIFF."
        raise ImageRejected(ImageCode.UNSUPPORTED_FORMAT, message) from error
    if declares_no_pixels(start):
        raise ImageRejected(ImageCode.IMAGE_TOO_SMALL, NO_PIXELS) from error
    if ends_early(start, path.stat().st_size):
        raise _truncated(error) from error
    if name := supported_format(start):
        message = f"The file starts like a {name} image, but its header is damaged or cut off."
        raise ImageRejected(ImageCode.UNREADABLE_IMAGE, message, type(error).__name__) from error
    raise ImageRejected(ImageCode.NOT_AN_IMAGE, "The file is not an image.") from error


def _reject_unreadable(path: Path, error: Exception) -> NoReturn:
    """Rejects a file whose parser failed: cut off, unreachable, or damaged."""
    detail = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        message = f"The file cannot be read: {error.strerror}."
        raise ImageRejected(ImageCode.MISSING_FILE, message, detail) from error
    if "truncated" in str(error).lower() or ends_early(_first_bytes(path), path.stat().st_size):
        raise _truncated(error) from error
    message = f"The image cannot be read: the decoder stopped with {detail}."
    raise ImageRejected(ImageCode.UNREADABLE_IMAGE, message, detail) from error
