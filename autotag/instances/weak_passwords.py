"""Passwords that are guessed first: the common ones, and those made of what anybody knows about the person.

`common_passwords.txt` holds 10,000 passwords, one a line: all of at least ten characters among the 30,000 most common
ones, and the most common shorter ones. They come from the frequency lists of zxcvbn 4.5.0 (MIT licence, in
`common_passwords.LICENSE`), which come from passwords that were published after break-ins.
"""

import re
from collections.abc import Sequence
from pathlib import Path

_FILE = Path(__file__).with_name("common_passwords.txt")
PRODUCT = "autotag"
LONGEST_DECORATION = 4
"""As many digits and signs before or after a common password make it no better."""

SHORTEST_REPEATED = 4
"""A password that repeats fewer characters than this is common, whatever they are."""

SHORTEST_WORD = 3
SHORTEST_REST = 6
"""So many characters must be left when the words that anybody knows are taken out of a password."""


def is_common(password: str) -> bool:
    """Return whether a password, or what is repeated or decorated in it, is among the 10,000 common ones.

    The file is read at each call and not kept, which takes a tenth of a millisecond.
    """
    folded = password.casefold()
    unit = _repeated(folded)
    if len(unit) < SHORTEST_REPEATED:
        return True
    bare = re.sub(rf"^[^a-z]{{1,{LONGEST_DECORATION}}}|[^a-z]{{1,{LONGEST_DECORATION}}}$", "", folded)
    listed = _FILE.read_text()
    return any(f"\n{each}\n" in listed for each in {folded, unit, bare} if each)


def is_mostly(password: str, about: Sequence[str]) -> bool:
    """Return whether little is left of a password without the words about its owner and the product's name."""
    rest = password.casefold()
    for word in _words(about):
        rest = rest.replace(word, "")
    return rest != password.casefold() and len(re.sub(r"[\W_]+", "", rest)) < SHORTEST_REST


def _repeated(text: str) -> str:
    """Return the shortest part that the whole text is a repetition of."""
    return text[: (text + text).index(text, 1)]


def _words(about: Sequence[str]) -> list[str]:
    texts = [text.casefold() for text in (*about, PRODUCT)]
    parts = [part for text in texts for part in (text, *re.split(r"[^a-z0-9]+", text))]
    return sorted({part for part in parts if len(part) >= SHORTEST_WORD}, key=len, reverse=True)
