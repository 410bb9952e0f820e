"""Brings every kind of decoded image to 8-bit RGB: scaled where wider, on white where transparent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE = (255, 255, 255)
WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def to_rgb(image: Image.Image, reduction: int) -> Image.Image:
    """The image in mode RGB, each side divided by the whole number `reduction` (at least 1) on the way.

    Reducing before transparency is resolved saves most of the memory and time for a big image. Raises
    `ValueError` for a mode that Pillow cannot convert.
    """
    if image.mode in WIDE_MODES:
        image = Image.fromarray(_to_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        return _on_white(_reduced(image.convert("RGBA"), reduction))
    # Reducing a palette would mix numbers, not colours, so colours come first.
    if image.mode not in {"RGB", "L", "CMYK", "YCbCr"}:
        image = image.convert("RGB")
    return _reduced(image, reduction).convert("RGB")


def _reduced(image: Image.Image, reduction: int) -> Image.Image:
    return image.reduce(reduction) if reduction > 1 else image


def _on_white(image: Image.Image) -> Image.Image:
    """An RGBA image composited on white, as RGB."""
    background = Image.new("RGB", image.size, WHITE)
    background.paste(image, mask=image.getchannel("A"))
    return background


def _to_eight_bits(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey samples of 16 or 32 bits, or floats, as 0..255.

    A file does not say which value is white, so the narrowest usual range that holds all samples counts: 0..1
    for floats, 0..255, 0..65535; else the samples' own range is stretched. Unsigned 16-bit samples always use
    their whole range.
    """
    if samples.dtype == np.uint16 or samples.dtype == np.dtype(">u2"):
        # The high byte: what Pillow does itself with 16-bit colour.
        return (samples.astype(np.uint16) >> 8).astype(np.uint8)
    values = np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0)
    lowest, highest = float(values.min()), float(values.max())
    if lowest < 0 or highest > 65535:
        white = (highest - lowest) or 1.0
        values -= lowest
    elif np.issubdtype(samples.dtype, np.floating) and highest <= 1:
        white = 1.0
    else:
        white = 255.0 if highest <= 255 else 65535.0
    values *= 255.0 / white
    return np.rint(values, out=values).astype(np.uint8)
