"""Finds the faults of a vocabulary's tables, each with the line it is in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from autotag.models.names import fold
from autotag.tagging.policy import normalize_name
from autotag.tagging.vocabulary.table import ClassRow, WordRow, read_synonym
from autotag.tagging.vocabulary.words import Treatment

LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")
"""The shape of a BCP 47 language tag, as far as it matters here."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: a stable `code`, the table and line it is in (0 for the whole table), a sentence for people."""

    code: str
    table: str
    line: int
    message: str


def find_faults(
    words: Sequence[WordRow], classes: Sequence[ClassRow], expected_classes: Collection[str]
) -> list[Fault]:
    """Return all faults of the two tables. `expected_classes` are the keys that the models and detectors have."""
    names = {row.word for row in words}
    return [
        *_name_faults(words),
        *_treatment_faults(words),
        *_threshold_faults(words),
        *_broader_faults(words, names),
        *_circles(words),
        *_class_faults(classes, names, expected_classes),
        *_empty_words(words, classes),
    ]


def _name_faults(words: Sequence[WordRow]) -> Iterator[Fault]:
    """Names that a tag cannot have, and names and synonyms that stand for two things once folded."""
    taken: dict[str, tuple[int, str]] = {}
    for row in words:
        for text in (row.word, *row.synonyms):
            synonym = read_synonym(text)
            if not synonym.name or normalize_name(synonym.name) != synonym.name:
                yield Fault("name", "words", row.line, f"{synonym.name!r} cannot be the name of a tag.")
            if synonym.language is not None and not LANGUAGE.fullmatch(synonym.language):
                yield Fault("language", "words", row.line, f"{synonym.language!r} is no language tag.")
            line, owner = taken.setdefault(fold(synonym.name), (row.line, row.word))
            if (line, owner) != (row.line, row.word):
                message = f"{synonym.name!r} already names {owner!r} in line {line}."
                yield Fault("name_twice", "words", row.line, message)


def _treatment_faults(words: Sequence[WordRow]) -> Iterator[Fault]:
    known = [str(treatment) for treatment in Treatment]
    for row in words:
        if row.treatment not in known:
            message = f"The treatment of {row.word!r} is {row.treatment!r}, not one of {', '.join(known)}."
            yield Fault("treatment", "words", row.line, message)


def _threshold_faults(words: Sequence[WordRow]) -> Iterator[Fault]:
    for row in words:
        try:
            is_fine = not row.threshold or 0 <= float(row.threshold) <= 1
        except ValueError:
            is_fine = False
        if not is_fine:
            message = f"The threshold of {row.word!r} is {row.threshold!r}, not a number from 0 to 1."
            yield Fault("threshold", "words", row.line, message)


def _broader_faults(words: Sequence[WordRow], names: Collection[str]) -> Iterator[Fault]:
    for row in words:
        for broader in row.broader:
            if broader not in names:
                message = f"{row.word!r} is below {broader!r}, which is no word."
                yield Fault("broader_missing", "words", row.line, message)


def _circles(words: Sequence[WordRow]) -> Iterator[Fault]:
    """Find each word that is above itself."""
    broader = {row.word: row.broader for row in words}
    for row in words:
        seen: set[str] = set()
        ahead = list(row.broader)
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += broader.get(name, ())
        if row.word in seen:
            yield Fault("circle", "words", row.line, f"{row.word!r} is above itself.")


def _class_faults(
    classes: Sequence[ClassRow], names: Collection[str], expected: Collection[str]
) -> Iterator[Fault]:
    """Classes that lead nowhere, to two words, or are unknown, and those that are missing."""
    counts = Counter(row.key for row in classes)
    for row in classes:
        if row.word not in names:
            message = f"The class {row.label!r} leads to {row.word!r}, which is no word."
            yield Fault("target_missing", "classes", row.line, message)
        if row.key not in expected:
            yield Fault("class_unknown", "classes", row.line, f"There is no class {row.key!r}.")
        if counts[row.key] > 1:
            message = f"The class {row.key!r} is there {counts[row.key]} times."
            yield Fault("class_twice", "classes", row.line, message)
    for key in expected:
        if key not in counts:
            yield Fault("class_missing", "classes", 0, f"The class {key!r} leads to no word.")


def _empty_words(words: Sequence[WordRow], classes: Sequence[ClassRow]) -> Iterator[Fault]:
    """Find the words that no class leads to, not even through a narrower word."""
    broader = {row.word: row.broader for row in words}
    reached: set[str] = set()
    ahead = [row.word for row in classes]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += broader.get(name, ())
    for row in words:
        if row.word not in reached:
            yield Fault("word_empty", "words", row.line, f"No class leads to {row.word!r} or below it.")
