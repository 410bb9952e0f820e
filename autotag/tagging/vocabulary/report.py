"""Says what becomes of each class: its word, the words above that, and how the word is treated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autotag.tagging.vocabulary.table import ClassRow
from autotag.tagging.vocabulary.words import Treatment, Vocabulary


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one class. `above` are the words that find its pictures besides, nearest first."""

    key: str
    label: str
    word: str
    above: tuple[str, ...]
    treatment: Treatment


def fates(classes: Sequence[ClassRow], vocabulary: Vocabulary) -> Iterator[Fate]:
    """Yield what becomes of each class, in the table's order."""
    for row in classes:
        word = vocabulary.words[row.word]
        yield Fate(row.key, row.label, row.word, words_above(row.word, vocabulary), word.treatment)


def words_above(name: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return all words above a word, nearest first: level by level, in the table's order, each once."""
    found: dict[str, None] = {}
    level = vocabulary.words[name].broader
    while level:
        found |= dict.fromkeys(level)
        level = tuple(broader for word in level for broader in vocabulary.words[word].broader)
    return tuple(found)
