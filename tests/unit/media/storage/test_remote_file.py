"""An object as a file: sought in, read in blocks."""

from __future__ import annotations

import io

import pytest

from autotag.media.storage.remote_file import open_remote

CONTENT = bytes(range(256)) * 10


class Object:
    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def read_range(self, start: int, end: int) -> bytes:
        self.asked.append((start, end))
        return self.content[start:end]


def test_it_is_read_a_block_at_a_time() -> None:
    there = Object()
    with open_remote(there.read_range, len(CONTENT), block_bytes=1000) as file:
        assert there.asked == []
        assert b"".join(iter(lambda: file.read(100), b"")) == CONTENT
    assert there.asked == [(0, 1000), (1000, 2000), (2000, 2560)]


def test_a_part_costs_a_block_and_not_what_lies_before_it() -> None:
    there = Object()
    with open_remote(there.read_range, len(CONTENT), block_bytes=100) as file:
        assert file.seekable()
        assert file.seek(0, io.SEEK_END) == len(CONTENT)
        assert file.seek(2000) == 2000
        assert file.read(10) == CONTENT[2000:2010]
        assert file.tell() == 2010
    assert there.asked == [(2000, 2100)]


def test_nothing_lies_behind_the_end_or_before_the_beginning() -> None:
    there = Object()
    with open_remote(there.read_range, len(CONTENT)) as file:
        file.seek(len(CONTENT) + 5)
        assert file.read() == b""
        with pytest.raises(ValueError, match="beginning"):
            file.seek(-1, io.SEEK_SET)
    assert there.asked == []


def test_an_empty_object_is_an_empty_file() -> None:
    with open_remote(Object(b"").read_range, 0) as file:
        assert file.read() == b""


def test_it_has_no_descriptor() -> None:
    with open_remote(Object().read_range, 5) as file, pytest.raises(OSError, match="fileno"):
        file.fileno()


def test_what_the_store_raises_passes() -> None:
    def fail(_start: int, _end: int) -> bytes:
        raise TimeoutError("away")

    with open_remote(fail, 5) as file, pytest.raises(TimeoutError):
        file.read()
