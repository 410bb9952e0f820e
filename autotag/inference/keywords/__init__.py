"""Keywords inside image files: reading them, and writing them into a copy whose pixels stay byte for byte.

Everything read here is untrusted: only confined processes call it. XMP's `dc:subject` and IPTC's Keywords are read
and written; whatever else a file says of itself is kept. Neither decodes a picture, so nothing is imported that does.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import BinaryIO
from xml.parsers.expat import ExpatError

from autotag.inference.errors import KeywordsUnwritable
from autotag.inference.keywords import iptc, jpeg, png, tiff, webp, xmp
from autotag.inference.keywords.blocks import Blocks, Damaged
from autotag.inference.processor_time import TookTooLong, limited_processor_time

MOST_KEYWORDS = 200
KEYWORD_LENGTH = 255
"""What is read of a file at most; the rest is left out."""

IPTC_SHORTENED = 61
"""Bytes from which an IPTC keyword may be a longer one that was cut: 64 are allowed, a letter takes up to four."""

SECONDS = 3.0
"""Processor time that the metadata of a file may take, apart from what its size takes to copy."""

SECONDS_TO_COPY = 10.0

UNWRITABLE = "Its metadata are damaged, or of a kind into which tags cannot be written."
SLOW = "Its metadata take too long to be read."
OTHER_TYPE = "Tags can be written into JPEG, PNG, WebP and TIFF files only."

# What parsers raise on damaged data.
FAULTS = (
    Damaged,
    ExpatError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    ValueError,
    struct.error,
    zlib.error,
)


def read_keywords(path: Path) -> tuple[str, ...]:
    """The keywords of an image file, in its order and each once; none for whatever cannot be read."""
    try:
        with limited_processor_time(SECONDS), path.open("rb") as source:
            container = _container(source)
            return () if container is None else keywords_in(container.read(source))
    except (*FAULTS, OSError, TookTooLong):
        return ()


def write_keywords(path: Path, target: Path, keywords: Sequence[str]) -> None:
    """Writes a copy of `path` with just these keywords to `target`. Raises `KeywordsUnwritable`.

    A file of an error is left to the caller to remove.
    """
    try:
        with (
            limited_processor_time(SECONDS + SECONDS_TO_COPY),
            path.open("rb") as source,
            target.open("wb") as copy,
        ):
            container = _container(source)
            if container is None:
                raise KeywordsUnwritable(OTHER_TYPE)
            container.write(source, copy, container.read(source).with_keywords(keywords))
    except TookTooLong as error:
        raise KeywordsUnwritable(SLOW) from error
    except FAULTS as error:
        raise KeywordsUnwritable(UNWRITABLE) from error
    except OSError as error:
        raise KeywordsUnwritable(f"The copy cannot be written: {error.strerror}.") from error


def keywords_in(blocks: Blocks) -> tuple[str, ...]:
    """The keywords of both blocks; one of IPTC that is a shortened one of XMP is left out."""
    of_xmp = clean(_tried(xmp.read_subjects, blocks.xmp))
    of_iptc = [
        keyword
        for keyword in clean(_tried(iptc.read_keywords, blocks.iptc))
        if len(keyword.encode()) < IPTC_SHORTENED
        or not any(full.startswith(keyword) and full != keyword for full in of_xmp)
    ]
    return tuple(dict.fromkeys([*of_xmp, *of_iptc]))[:MOST_KEYWORDS]


def clean(keywords: Iterable[str]) -> list[str]:
    """Keywords without control characters and with single spaces, cut; without those of which nothing is left."""
    texts = (
        " ".join(
            "".join(
                " " if unicodedata.category(letter).startswith(("C", "Z")) else letter for letter in keyword
            ).split()
        )
        for keyword in keywords
    )
    return [text[:KEYWORD_LENGTH] for text in texts if text]


def _tried(read: Callable[[bytes], list[str]], block: bytes | None) -> list[str]:
    """What one of the blocks says; a damaged one does not keep the other from being read."""
    if block is None:
        return []
    try:
        return read(block)
    except FAULTS:
        return []


def _container(source: BinaryIO) -> ModuleType | None:
    """The module for the kind of file that the first bytes tell."""
    start = source.read(16)
    source.seek(0)
    return next((module for module in (jpeg, png, webp, tiff) if module.recognises(start)), None)
