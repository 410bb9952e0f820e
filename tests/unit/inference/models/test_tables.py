"""Tables of a damaged or hostile file are refused, never read outside."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest

from autotag.inference.models.metadata import read_metadata
from autotag.inference.models.tables import DamagedTables, Table

# A root table whose only field, a 32-bit 7, lies behind its distance to the vtable.
SOUND = struct.pack("<IHHHHiI", 12, 6, 8, 4, 0, 8, 7)


def test_a_field_is_read_and_an_absent_one_has_its_default() -> None:
    table = Table.root(SOUND)

    assert (table.number(0, "I"), table.number(1, "I", default=5)) == (7, 5)
    assert (table.numbers(1, "f"), table.text(1), table.blob(1), table.table(1), table.tables(1)) == (
        (),
        "",
        b"",
        None,
        [],
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff",
        SOUND[:10],
        struct.pack("<IHHHHiI", 12, 6, 8, 4, 0, 100, 7),
        struct.pack("<IHHHHiI", 12, 6, 8, 4, 0, -100, 7),
        SOUND[:-4],
    ],
)
def test_what_leads_outside_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedTables):
        Table.root(data).number(0, "I")


def test_a_vector_longer_than_the_file_is_refused() -> None:
    # The 7 is read as an offset, behind which the length of the vector stands.
    table = Table.root(SOUND + struct.pack("<3xI", 50))

    with pytest.raises(DamagedTables):
        table.numbers(0, "f")
    with pytest.raises(DamagedTables):
        table.blob(0)
    with pytest.raises(DamagedTables):
        table.tables(0)


def test_a_vector_of_unreasonable_length_is_refused_before_it_is_read() -> None:
    with pytest.raises(DamagedTables):
        Table.root(SOUND + struct.pack("<3xI", 2**32 - 1)).tables(0)


def test_random_damage_never_escapes(write_metadata: Callable[..., bytes]) -> None:
    sound = write_metadata(title="t", mean=(1.0,), deviation=(2.0,), label_file="labels.txt")
    chance = random.Random(5)
    for _ in range(2000):
        damaged = bytearray(sound)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with suppress(DamagedTables):
            Table.root(bytes(damaged))
        read_metadata(bytes(damaged))
