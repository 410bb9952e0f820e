"""Writes the smaller copies of an image: JPEG renditions, and a tiny placeholder for pages."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence

from PIL import Image

from autotag.inference.errors import RenditionFailed
from autotag.inference.messages import Rendition

# Of the placeholder, in pixels; about 100 bytes at this quality.
PLACEHOLDER_SIDE = 16
PLACEHOLDER_QUALITY = 40
# As sharp as bicubic when shrinking, at the cost of bilinear.
RESAMPLING = Image.Resampling.HAMMING
# Reduce by whole factors first while this many times the target's pixels are left: much quicker, hardly
# visible.
REDUCING_GAP = 2.0


def write_renditions(image: Image.Image, original: tuple[int, int], renditions: Sequence[Rendition]) -> str:
    """Writes every rendition of the RGB `image` and returns the placeholder as base64 text.

    `original` is the full size (width, height) of the upright image, of which `image` may be a reduction; it
    decides the proportions and that nothing is upscaled. Each rendition is made from the next larger one. A
    file appears at its path whole or not at all. Raises `RenditionFailed` when one cannot be written.
    """
    for rendition in sorted(renditions, key=lambda item: item.longest_side, reverse=True):
        image = _fitted(image, original, rendition.longest_side)
        _write_jpeg(image, rendition)
    return _placeholder(_fitted(image, original, PLACEHOLDER_SIDE))


def fitted_size(original: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """`original` (width, height) scaled down to `longest_side`; unchanged if it fits, never below 1 pixel."""
    scale = min(1.0, longest_side / max(original))
    width, height = (max(1, round(side * scale)) for side in original)
    return width, height


def _fitted(image: Image.Image, original: tuple[int, int], longest_side: int) -> Image.Image:
    size = fitted_size(original, longest_side)
    if size[0] >= image.width and size[1] >= image.height:
        return image
    return image.resize(size, RESAMPLING, reducing_gap=REDUCING_GAP)


def _write_jpeg(image: Image.Image, rendition: Rendition) -> None:
    """Writes a baseline JPEG without metadata beside its place and renames it there."""
    path = rendition.path
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    content = io.BytesIO()
    image.save(content, "JPEG", quality=rendition.quality)
    try:
        temporary.write_bytes(content.getbuffer())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RenditionFailed(f"The rendition {path.name} cannot be written: {error.strerror}.") from error


def _placeholder(image: Image.Image) -> str:
    content = io.BytesIO()
    image.save(content, "WEBP", quality=PLACEHOLDER_QUALITY, method=0)
    return base64.b64encode(content.getbuffer()).decode("ascii")
