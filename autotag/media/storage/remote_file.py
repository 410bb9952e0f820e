"""Reading an object a block at a time, as a file that can be sought in."""

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

BLOCK_BYTES = 4 << 20
"""What is held of an object at a time, and what one request to the store brings."""

ReadRange = Callable[[int, int], Any]
"""Brings the bytes from a position up to another. Each is a request of its own, so that a reader may be slow."""


def open_remote(read_range: ReadRange, size: int, *, block_bytes: int = BLOCK_BYTES) -> BinaryIO:
    """Return an object of a known size as a file. What `read_range` raises passes to the reader."""
    file = _RemoteFile(read_range, size)
    return cast(BinaryIO, io.BufferedReader(file, buffer_size=max(1, min(block_bytes, size))))


class _RemoteFile(io.RawIOBase):
    def __init__(self, read_range: ReadRange, size: int) -> None:
        self._read_range = read_range
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        content = memoryview(self._read_range(self._position, end))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("there is nothing before the beginning")
        self._position = start + offset
        return self._position
