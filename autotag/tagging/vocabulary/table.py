"""Reads a vocabulary from two CSV tables: words, and the classes that lead to them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autotag.tagging.vocabulary.words import Synonym, Treatment, Vocabulary, Word

SEPARATOR = ";"
LANGUAGE_MARK = "="
WORD_COLUMNS = ("word", "broader", "synonyms", "treatment", "threshold")
CLASS_COLUMNS = ("class", "label", "word")


class TableDamaged(ValueError):
    """A table has other columns than expected, or a line with too few or too many cells."""


@dataclass(frozen=True, slots=True)
class WordRow:
    """A line of the table of words as it stands there, checked for nothing yet. `line` counts from 1."""

    line: int
    word: str
    broader: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    treatment: str = Treatment.APPLY
    threshold: str = ""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A line of the table of classes: the key of a class, its label in the model, and the word it leads to."""

    line: int
    key: str
    label: str
    word: str


def read_word_rows(lines: Iterable[str]) -> list[WordRow]:
    """Return the lines of a table of words. An empty treatment means *apply*. Raises `TableDamaged`."""
    return [
        WordRow(line, word, _parts(broader), _parts(synonyms), treatment or Treatment.APPLY, threshold)
        for line, (word, broader, synonyms, treatment, threshold) in _cells(lines, WORD_COLUMNS)
    ]


def read_class_rows(lines: Iterable[str]) -> list[ClassRow]:
    """Return the lines of a table of classes. Raises `TableDamaged`."""
    return [ClassRow(line, key, label, word) for line, (key, label, word) in _cells(lines, CLASS_COLUMNS)]


def build_vocabulary(words: Iterable[WordRow], classes: Iterable[ClassRow]) -> Vocabulary:
    """Return the vocabulary of tables in which `linting` finds no fault."""
    return Vocabulary(
        words={row.word: _word(row) for row in words}, classes={row.key: row.word for row in classes}
    )


def read_synonym(text: str) -> Synonym:
    """Return a synonym: "de=Hund" is in German, "hound" in the vocabulary's own language."""
    language, mark, name = text.partition(LANGUAGE_MARK)
    return Synonym(name.strip(), language.strip()) if mark else Synonym(text)


def _word(row: WordRow) -> Word:
    return Word(
        name=row.word,
        synonyms=tuple(map(read_synonym, row.synonyms)),
        broader=row.broader,
        treatment=Treatment(row.treatment),
        threshold=float(row.threshold) if row.threshold else None,
    )


def _cells(lines: Iterable[str], columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the stripped cells of each line after the heading."""
    reader = csv.reader(lines)
    if tuple(next(reader, ())) != columns:
        raise TableDamaged(f"Line 1: the columns have to be {', '.join(columns)}.")
    for cells in reader:
        if len(cells) != len(columns):
            message = f"Line {reader.line_num}: there are {len(cells)} cells, not {len(columns)}."
            raise TableDamaged(message)
        yield reader.line_num, [cell.strip() for cell in cells]


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part for part in map(str.strip, cell.split(SEPARATOR)) if part)
