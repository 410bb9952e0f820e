"""The two blocks of metadata that hold keywords, whatever kind of file carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from autotag.inference.keywords import iptc, xmp

LARGEST_BLOCK = 4 * 1024 * 1024
"""Bytes of metadata that are taken into memory; real ones have a few thousand."""

COPIED_AT_ONCE = 256 * 1024


class Damaged(ValueError):
    """The file is not as its kind has to be."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """A file's XMP packet and its IPTC data, None for what it has not."""

    xmp: bytes | None = None
    iptc: bytes | None = None

    def with_keywords(self, keywords: Sequence[str]) -> Blocks:
        """The blocks with just these keywords; all else that they say is kept."""
        return Blocks(xmp.with_subjects(self.xmp, keywords), iptc.with_keywords(self.iptc, keywords))


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """The next bytes. Raises `Damaged` when the file ends before."""
    if size > LARGEST_BLOCK:
        raise Damaged(f"{size} bytes of metadata are too many")
    content = source.read(size)
    if len(content) != size:
        raise Damaged("the file ends early")
    return content


def copy_bytes(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copies the next bytes. Raises `Damaged` when the file ends before."""
    while size:
        content = source.read(min(size, COPIED_AT_ONCE))
        if not content:
            raise Damaged("the file ends early")
        target.write(content)
        size -= len(content)


def copy_rest(source: BinaryIO, target: BinaryIO) -> None:
    """Copies all that is left."""
    while content := source.read(COPIED_AT_ONCE):
        target.write(content)
