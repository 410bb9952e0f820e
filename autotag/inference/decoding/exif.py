"""What a camera noted in an image, as a few short texts: a fixed list of facts, and never where it was taken.

All of it is untrusted. Whatever is odd is left out, and nothing here makes a good picture a bad one.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

TEXT_LENGTH = 100
"""Longest text of one fact, in characters."""

FIRST_YEAR = 1900

# What Pillow's EXIF parser raises on damaged data.
METADATA_FAULTS = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)

Values = Mapping[int, Any]


def camera_facts(image: Image.Image) -> dict[str, str]:
    """The facts on the list that `image` carries, by label, in the order in which people read them."""
    try:
        exif = image.getexif()
        values = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    # Entries may all point at the same bytes, so that little data becomes much.
    except (*METADATA_FAULTS, AttributeError, MemoryError):
        return {}
    facts = {}
    for label, read in _FACTS.items():
        try:
            fact = read(values)
        except METADATA_FAULTS:
            continue
        if fact:
            facts[label] = fact
    return facts


def clean_text(value: object) -> str:
    """A text without control characters and with single spaces, cut; "" for whatever is no text."""
    if not isinstance(value, str):
        return ""
    shown = (" " if unicodedata.category(letter).startswith(("C", "Z")) else letter for letter in value)
    return re.sub(" +", " ", "".join(shown)).strip()[:TEXT_LENGTH].strip()


def _number(value: object, least: float, most: float) -> float | None:
    """A number within limits; a list counts as its first entry, as some cameras write it."""
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, str | bytes) or value is None:
        return None
    number = float(value)  # type: ignore[arg-type]  # a rational, a whole number, or a TypeError
    return number if math.isfinite(number) and least <= number <= most else None


def _camera(values: Values) -> str:
    maker, model = clean_text(values.get(ExifTags.Base.Make)), clean_text(values.get(ExifTags.Base.Model))
    named_in_model = model.casefold().startswith(maker.casefold())
    return (model if named_in_model else f"{maker} {model}".strip())[:TEXT_LENGTH].strip()


def _lens(values: Values) -> str:
    return clean_text(values.get(ExifTags.Base.LensModel))


def _taken(values: Values) -> str:
    """The camera's own clock, of which nobody knows the zone."""
    text = clean_text(values.get(ExifTags.Base.DateTimeOriginal))
    moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - it has no zone
    return f"{moment.day} {moment:%B %Y, %H:%M}" if moment.year >= FIRST_YEAR else ""


def _exposure(values: Values) -> str:
    seconds = _number(values.get(ExifTags.Base.ExposureTime), 1e-6, 86_400)
    if seconds is None:
        return ""
    # From a third of a second on cameras say 0.3 s and not 1/3 s.
    return f"1/{round(1 / seconds)} s" if seconds < 0.3 else f"{seconds:.3g} s"


def _aperture(values: Values) -> str:
    aperture = _number(values.get(ExifTags.Base.FNumber), 0.1, 1000)
    return "" if aperture is None else f"f/{aperture:.2g}" if aperture < 10 else f"f/{aperture:.0f}"


def _sensitivity(values: Values) -> str:
    sensitivity = _number(values.get(ExifTags.Base.ISOSpeedRatings), 1, 10_000_000)
    return "" if sensitivity is None else f"{sensitivity:.0f}"


def _focal_length(values: Values) -> str:
    length = _number(values.get(ExifTags.Base.FocalLength), 0.1, 100_000)
    if length is None:
        return ""
    text = f"{length:.1f}".removesuffix(".0") + " mm"
    equivalent = _number(values.get(ExifTags.Base.FocalLengthIn35mmFilm), 1, 100_000)
    same = equivalent is None or round(equivalent) == round(length)
    return text if same else f"{text} ({equivalent:.0f} mm in 35 mm format)"


def _flash(values: Values) -> str:
    flash = values.get(ExifTags.Base.Flash)
    if not isinstance(flash, int):
        return ""
    return "Fired" if flash & 1 else "Did not fire"


_FACTS: dict[str, Callable[[Values], str]] = {
    "Taken": _taken,
    "Camera": _camera,
    "Lens": _lens,
    "Exposure": _exposure,
    "Aperture": _aperture,
    "ISO": _sensitivity,
    "Focal length": _focal_length,
    "Flash": _flash,
}
