"""Reads FlatBuffers tables from a file that may be damaged or hostile, in plain Python.

Every position is checked before it is read. Source of the layout: the FlatBuffers project's "internals" page:
a table starts with its signed distance to its vtable; a vtable is its size, the table's size and an offset for
each field, all unsigned 16-bit; offsets to tables, vectors and strings are unsigned 32-bit, counted from where
they stand; a vector starts with its 32-bit length. All numbers are little-endian.
"""

from __future__ import annotations

import mmap
import struct
from typing import Any

# More items than any sound model has in one vector that is read here; a longer one would only occupy the machine.
MOST_ITEMS = 100_000
LARGEST_BLOB = 16_000_000

Data = bytes | mmap.mmap


class DamagedTables(Exception):
    """The file says something of itself that cannot be."""


class Table:
    """One table of `data`. Fields go by their number in the schema; an absent one gives its default.

    Every method raises `DamagedTables` where the data leads outside itself.
    """

    def __init__(self, data: Data, position: int) -> None:
        self._data = data
        self._position = position
        self._fields = position - self._number("i", position)
        self._fields_size = self._number("H", self._fields)

    @classmethod
    def root(cls, data: Data) -> Table:
        """The table that the file is about: its offset comes first."""
        (position,) = _unpack(data, "<I", 0)
        return cls(data, position)

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A whole number; `kind` is its letter in the `struct` module."""
        position = self._place(field)
        return default if position is None else self._number(kind, position)

    def numbers(self, field: int, kind: str) -> tuple[Any, ...]:
        """A vector of numbers; empty when absent."""
        start, length = self._vector(field)
        return _unpack(self._data, f"<{length}{kind}", start)

    def text(self, field: int) -> str:
        """A string; empty when absent, with marks for what is not UTF-8."""
        return self.blob(field).decode("utf-8", errors="replace")

    def blob(self, field: int) -> bytes:
        """A vector of bytes; empty when absent."""
        start, length = self._vector(field, LARGEST_BLOB)
        if start + length > len(self._data):
            raise DamagedTables
        return self._data[start : start + length]

    def table(self, field: int) -> Table | None:
        """Another table; None when absent."""
        position = self._place(field)
        return None if position is None else Table(self._data, position + self._number("I", position))

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty when absent."""
        start, length = self._vector(field)
        places = range(start, start + 4 * length, 4)
        return [Table(self._data, place + self._number("I", place)) for place in places]

    def _number(self, kind: str, position: int) -> int:
        (value,) = _unpack(self._data, f"<{kind}", position)
        return int(value)

    def _place(self, field: int) -> int | None:
        """Where the field's value is; None when the table leaves it out."""
        # The two sizes come before the first field.
        entry = 4 + 2 * field
        offset = self._number("H", self._fields + entry) if entry < self._fields_size else 0
        return self._position + offset if offset else None

    def _vector(self, field: int, most: int = MOST_ITEMS) -> tuple[int, int]:
        """Where a vector's first item is, and how many there are."""
        position = self._place(field)
        if position is None:
            return 0, 0
        start = position + self._number("I", position)
        length = self._number("I", start)
        if length > most:
            raise DamagedTables
        return start + 4, length


def _unpack(data: Data, layout: str, position: int) -> tuple[Any, ...]:
    """What lies at `position`. A negative one would count from the end, so it is checked here."""
    if position < 0:
        raise DamagedTables
    try:
        return struct.unpack_from(layout, data, position)
    except struct.error as error:
        raise DamagedTables from error
