"""Whole numbers that requests carry as text. `int()` alone raises ValueError for more than 4,300 digits."""

from collections.abc import Iterable

MAXIMUM_ID = 2**31 - 1
"""The largest id that a column can hold. A larger number is a page that was not found, not a fault of the database."""


def read_number(text: str, most: int = MAXIMUM_ID) -> int | None:
    """Return the number from 0 to `most` that a text is, in ASCII digits; None for anything else."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))):
        return None
    number = int(digits)
    return number if number <= most else None


def read_numbers(texts: Iterable[str], most: int) -> list[int]:
    """Return the first `most` ids of some texts, each once. What is no id is left out."""
    found = (read_number(text) for text in texts)
    return list(dict.fromkeys(number for number in found if number is not None))[:most]
