"""Names that differ only in case are the same name: what is stored to compare and to order them."""

import unicodedata

KEY_LENGTH = 255


def fold(name: str) -> str:
    """Return what two names share when they are the same: the name in NFC, case-folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def sort_key(name: str) -> str:
    """Return what a name is ordered by: folded, cut at 255 characters (case folding can lengthen a name)."""
    return fold(name)[:KEY_LENGTH]
