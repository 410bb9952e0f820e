"""English plurals by rule, so that a search for either form finds the word."""

from __future__ import annotations

import re

IRREGULAR = {
    "bookshelf": "bookshelves",
    "calf": "calves",
    "child": "children",
    "clothes": "clothes",
    "corgi": "corgis",
    "fish": "fish",
    "foot": "feet",
    "goose": "geese",
    "grouse": "grouse",
    "half": "halves",
    "knife": "knives",
    "leaf": "leaves",
    "loaf": "loaves",
    "louse": "lice",
    "man": "men",
    "mongoose": "mongooses",
    "mouse": "mice",
    "ox": "oxen",
    "people": "people",
    "person": "persons",
    "scarf": "scarves",
    "sheep": "sheep",
    "shelf": "shelves",
    "tooth": "teeth",
    "wife": "wives",
    "wolf": "wolves",
    "woman": "women",
}
"""Last words of names whose plural follows no rule."""
COMPOUNDS = ("mouse", "man", "wife", "foot", "tooth", "shelf")
ENDING_IN_OES = frozenset(
    {"buffalo", "domino", "echo", "hero", "mango", "mosquito", "potato", "tomato", "torpedo", "volcano"}
)
"""Words in -o whose plural takes -es."""
ALWAYS_PLURAL = frozenset(
    {
        "arms",
        "binoculars",
        "bars",
        "clothes",
        "glasses",
        "goods",
        "jeans",
        "leggings",
        "overalls",
        "pajamas",
        "pants",
        "pipes",
        "pyjamas",
        "scales",
        "scissors",
        "shades",
        "shorts",
        "slacks",
        "spectacles",
        "sunglasses",
        "supplies",
        "tights",
        "trainers",
        "trousers",
        "trunks",
        "weights",
    }
)
"""Words that have no singular, or none that names the same thing."""
PREPOSITIONS = (" of ", " and ", " by ", " in ")


def plural(name: str) -> str:
    """Return the plural of an English name: "snow leopard" gives "snow leopards".

    A qualifier in brackets stays behind it ("crane (bird)" gives "cranes (bird)"); before a preposition the noun
    changes ("ear of maize" gives "ears of maize"). What is a plural already comes back as it is.
    """
    noun, bracket, qualifier = name.partition(" (")
    if noun and bracket and qualifier.endswith(")"):
        return plural(noun) + bracket + qualifier
    for preposition in PREPOSITIONS:
        head, found, rest = name.partition(preposition)
        if found:
            return plural(head) + found + rest
    start, space, last = name.rpartition(" ")
    return start + space + _plural_noun(last)


def _plural_noun(noun: str) -> str:
    """Return the plural of one word."""
    lower = noun.lower()
    if lower in IRREGULAR:
        return IRREGULAR[lower]
    for ending in COMPOUNDS:
        if lower.endswith(ending) and len(lower) > len(ending) + 2:
            return noun[: -len(ending)] + IRREGULAR[ending]
    if lower in ALWAYS_PLURAL:
        return noun
    if lower in ENDING_IN_OES or re.search(r"(?:s|x|z|sh|(?<!ar)(?<!oma)ch)$", lower):
        return noun + "es"
    if re.search(r"[^aeiou]y$", lower):
        return noun[:-1] + "ies"
    return noun + "s"
