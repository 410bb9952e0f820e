"""Gives back the memory of files that a native library has mapped and does not read any more."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Iterator
from pathlib import Path

MAPPINGS = Path("/proc/self/maps")


def release_pages(path: Path) -> int:
    """Lets go of the pages of the file at `path` that this process has mapped only to read; returns their bytes.

    Whatever is read of them again comes from the file again. Elsewhere than on Linux nothing is done.
    """
    if sys.platform != "linux":
        return 0
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    released = 0
    for start, end in _read_only_mappings(os.path.realpath(path)):
        if madvise(start, end - start, mmap.MADV_DONTNEED) == 0:
            released += end - start
    return released


def _read_only_mappings(path: str) -> Iterator[tuple[int, int]]:
    """The first address of each mapping of a file that nobody can write through, and the one after its last."""
    for line in MAPPINGS.read_text(errors="surrogateescape").splitlines():
        # Address range, permissions, offset, device, inode and, where there is one, the file.
        addresses, permissions, *_, name = line.split(maxsplit=5)
        if name == path and "w" not in permissions:
            start, end = addresses.split("-")
            yield int(start, 16), int(end, 16)
