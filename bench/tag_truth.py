"""The truth that tags are measured against, and the measures themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autotag.models.names import fold
from autotag.tagging.vocabulary.plurals import plural
from autotag.tagging.vocabulary.selection import Selection
from autotag.tagging.vocabulary.words import Vocabulary, written_names


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture's file, all that is true of it, and the words by which somebody would look for it; folded."""

    file: str
    true: frozenset[str]
    main: frozenset[str]


def read_everyday(folder: Path) -> list[Pictured]:
    """Return what `truth.json` in `folder` says. Singular and plural count as the same."""
    content = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return [Pictured(row["file"], both_numbers(row["true"]), both_numbers(row["main"])) for row in content]


def both_numbers(names: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(form) for name in names for form in (name, plural(name)))


def spellings(word: str, vocabulary: Vocabulary) -> frozenset[str]:
    """Return what a word is called: its name and synonyms, without qualifiers in brackets, in both numbers."""
    return both_numbers(name.split(" (")[0] for name in written_names(vocabulary.words[word]))


@dataclass(frozen=True, slots=True)
class Measures:
    """Applied tags a picture; the part of them that is true; the parts of pictures that their main words find."""

    tags: float
    true: float
    found: float
    found_with_suggestions: float
    suggestions: float
    wrong: tuple[str, ...]


def measure_everyday(
    pictures: Sequence[Pictured], selections: Sequence[Selection], vocabulary: Vocabulary
) -> Measures:
    """Measure what was selected for each picture against its truth."""
    applied, wrong, found, suggested, suggestions = 0, [], 0, 0, 0
    for picture, chosen in zip(pictures, selections, strict=True):
        names = {word: spellings(word, vocabulary) for word in (*chosen.applied, *chosen.implied)}
        applied += len(chosen.applied)
        wrong += [f"{picture.file}: {word}" for word in chosen.applied if not names[word] & picture.true]
        is_found = any(spelled & picture.main for spelled in names.values())
        below = {word for one in chosen.suggested for word in (one, *vocabulary.above[one])}
        found += is_found
        suggested += is_found or any(spellings(word, vocabulary) & picture.main for word in below)
        suggestions += len(chosen.suggested)
    count = len(pictures)
    return Measures(
        applied / count,
        1 - len(wrong) / max(applied, 1),
        found / count,
        suggested / count,
        suggestions / count,
        tuple(wrong),
    )


def measure_single(
    classes: Sequence[int], selections: Sequence[Selection], words: Iterable[str], vocabulary: Vocabulary
) -> tuple[float, float]:
    """Search `words` among photographs of single things: the part of what should be found, and of what is, right.

    What should be found are the photographs whose class is below the word.
    """
    expected = found = right = 0
    for number, chosen in zip(classes, selections, strict=True):
        names = {*chosen.applied, *chosen.implied}
        truth = set(vocabulary.class_words[str(number)])
        for word in words:
            expected += word in truth
            found += word in names
            right += word in truth and word in names
    return right / max(expected, 1), right / max(found, 1)
