"""Tag names that people type: checked and refused with a reason, where a provider's label is repaired."""

import re
import unicodedata
from collections.abc import Iterable

from autotag.models.names import fold, normalize
from autotag.tagging.policy import FORBIDDEN_CHARACTERS, NAME_LENGTH

CONTROL = ("Cc", "Cf", "Cs")
"""Categories of characters that nobody sees."""


class TaggingRefused(ValueError):
    """What a person asked of tags or runs cannot be done: a stable `code` for programs, a `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def clean_name(name: str) -> str:
    """Return a typed name as it is stored: NFC, spaces collapsed. Raises TaggingRefused with code `tag_name`."""
    text = re.sub(r"\s+", " ", normalize(name)).strip()
    if not text:
        raise TaggingRefused("tag_name", "Enter a name for the tag.")
    if len(text) > NAME_LENGTH:
        raise TaggingRefused(
            "tag_name", f"A tag has at most {NAME_LENGTH} characters; this one has {len(text)}."
        )
    wrong = sorted({letter for letter in text if letter in FORBIDDEN_CHARACTERS})
    if wrong:
        raise TaggingRefused("tag_name", f"A tag cannot contain {' '.join(wrong)}: {text}")
    if any(unicodedata.category(letter) in CONTROL for letter in text):
        raise TaggingRefused("tag_name", "A tag cannot contain control characters.")
    return text


def clean_names(names: Iterable[str]) -> list[str]:
    """Return typed names as they are stored, each once whatever its case. Raises TaggingRefused."""
    found = {fold(text): text for text in map(clean_name, names)}
    return list(found.values())
