import struct

import pytest

from autotag.inference.keywords.iptc import datasets, read_keywords, shortened, with_keywords


def dataset(record: int, number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


def test_text_without_a_mark_is_utf_8_when_it_can_be_and_latin_1_otherwise() -> None:
    assert read_keywords(dataset(2, 25, "Grün".encode())) == ["Grün"]
    assert read_keywords(dataset(2, 25, "Grün".encode("latin-1"))) == ["Grün"]


def test_other_text_is_brought_to_utf_8_and_numbers_are_left_alone() -> None:
    data = dataset(2, 0, b"\x00\xe4") + dataset(2, 90, "Zürich".encode("latin-1")) + dataset(2, 25, b"old")
    written = with_keywords(data, ["new"])
    assert written is not None
    assert list(datasets(written)) == [
        ((1, 90), b"\x1b%G"),
        ((2, 0), b"\x00\xe4"),
        ((2, 90), "Zürich".encode()),
        ((2, 25), b"new"),
    ]


def test_nothing_to_say_is_nothing_written() -> None:
    assert with_keywords(None, []) is None
    assert with_keywords(dataset(2, 25, b"old"), []) is not None


def test_long_values_come_back_whole() -> None:
    caption = b"c" * 70_000
    long = struct.pack(">BBBHI", 0x1C, 2, 120, 0x8004, len(caption)) + caption
    written = with_keywords(long, ["one"])
    assert written is not None
    assert dict(datasets(written))[2, 120] == caption


def test_what_is_cut_off_is_a_fault_and_padding_is_not() -> None:
    with pytest.raises(struct.error):
        read_keywords(dataset(2, 25, b"whole")[:-2])
    assert read_keywords(dataset(2, 25, b"whole") + b"\x00\x00") == ["whole"]


def test_keywords_are_cut_between_letters() -> None:
    assert shortened("日" * 40) == ("日" * 21).encode()
