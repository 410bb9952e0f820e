"""How often a JPEG makes its decoder go over the whole picture.

A progressive or arithmetically coded scan of many million pixels may be a hundred bytes long, and there may be any
number of them: a small file that computes for minutes, inside one native call that nothing interrupts.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

MOST_SCANS = 100
"""Cameras and programs write 20 at most. A hundred of 75 megapixels take some seconds."""

# What follows 0xFF in compressed data, or fills up, is no marker.
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
_START, _END, _SCAN, _STANDALONE = 0xD8, 0xD9, 0xDA, 0x01
# Baseline and extended, in Huffman's code: no scan of theirs is shorter than a bit for each block.
_PLAIN_FRAMES = (0xC0, 0xC1)


def has_too_many_scans(path: Path) -> bool:
    """Whether the JPEG at `path` has more scans than `MOST_SCANS`. Raises OSError."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        scans, place = 0, 0
        while found := _MARKER.search(content, place):
            code, place = found[1][0], found.end()
            if code in _PLAIN_FRAMES or code == _END:
                return False
            scans += code == _SCAN
            if scans > MOST_SCANS:
                return True
            if code not in (_START, _STANDALONE):
                place += max(2, int.from_bytes(content[place : place + 2]))
    return False
