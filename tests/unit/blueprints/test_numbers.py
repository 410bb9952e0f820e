import pytest

from autotag.blueprints.numbers import MAXIMUM_ID, read_number, read_numbers


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), (" 7 ", 7), ("007", 7), (str(MAXIMUM_ID), MAXIMUM_ID)]
)
def test_a_number_is_read(text: str, number: int) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.0", "1e3", "²", "٣", "1_000", "0x1", "NaN", "1\0", str(MAXIMUM_ID + 1), "9" * 10_000],
)
def test_what_is_no_id_is_nothing(text: str) -> None:
    assert read_number(text) is None


def test_of_many_the_first_ones_are_read_each_once() -> None:
    assert read_numbers(["3", "x", "3", "1", "9" * 5000, "2"], 2) == [3, 1]
