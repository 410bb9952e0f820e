"""Names that differ only in case are the same name: what is stored to compare and to order them.

All of the product normalises its texts here, because `unicodedata.normalize` takes time with the square of the number
of combining marks in a row: 500,000 of them would hold the interpreter's lock for minutes.
"""

import unicodedata
from typing import Literal

KEY_LENGTH = 255
MOST_MARKS = 30
"""The most marks in a row that are kept, as in Unicode's Stream-Safe Text Format (UAX #15). No language has as many."""

_MARK_CATEGORIES = frozenset({"Mn", "Mc", "Me"})
# Half-width voicing marks are letters by their category, and become marks in the compatibility forms.
_HALF_WIDTH_MARKS = "\uff9e\uff9f"


def normalize(text: str, form: Literal["NFC", "NFKD"] = "NFC") -> str:
    """Return a text in a normalisation form of Unicode, in time proportional to its length.

    Marks after the thirtieth in a row are left out.
    """
    if text.isascii():
        return text
    if len(text) > MOST_MARKS:
        text = _without_surplus_marks(text)
    return unicodedata.normalize(form, text)


def fold(name: str) -> str:
    """Return what two names share when they are the same: the name in NFC, case-folded."""
    return normalize(normalize(name).casefold())


def sort_key(name: str) -> str:
    """Return what a name is ordered by: folded, cut at 255 characters (case folding can lengthen a name)."""
    return fold(name)[:KEY_LENGTH]


def _without_surplus_marks(text: str) -> str:
    kept: list[str] = []
    in_a_row = 0
    for letter in text:
        # By category, and not by combining class: some marks of class 0 become several of other classes.
        is_mark = unicodedata.category(letter) in _MARK_CATEGORIES or letter in _HALF_WIDTH_MARKS
        in_a_row = in_a_row + 1 if is_mark else 0
        if in_a_row <= MOST_MARKS:
            kept.append(letter)
    return "".join(kept)
