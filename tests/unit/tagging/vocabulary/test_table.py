"""Reading the tables of a vocabulary."""

import pytest

from autotag.tagging.vocabulary.table import (
    TableDamaged,
    build_vocabulary,
    read_class_rows,
    read_synonym,
    read_word_rows,
)
from autotag.tagging.vocabulary.words import Synonym, Treatment, Word

WORDS = """word,broader,synonyms,treatment,threshold
animal,,,,
dog,animal,doggy; de=Hund,suggest only,0.8
""".splitlines()
CLASSES = """class,label,word
5,beagle,dog
""".splitlines()


def test_tables_become_a_vocabulary() -> None:
    vocabulary = build_vocabulary(read_word_rows(WORDS), read_class_rows(CLASSES))
    assert vocabulary.words["animal"] == Word("animal")
    assert vocabulary.words["dog"] == Word(
        "dog", (Synonym("doggy"), Synonym("Hund", "de")), ("animal",), Treatment.SUGGEST_ONLY, 0.8
    )
    assert vocabulary.classes == {"5": "dog"}


def test_rows_know_their_line() -> None:
    assert [row.line for row in read_word_rows(WORDS)] == [2, 3]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["word,broader"], "Line 1: the columns have to be"),
        ([], "Line 1: the columns have to be"),
        ([WORDS[0], "dog,animal"], "Line 2: there are 2 cells, not 5"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(TableDamaged, match=message):
        read_word_rows(lines)


def test_a_synonym_may_name_its_language() -> None:
    assert read_synonym("de=Hund") == Synonym("Hund", "de")
    assert read_synonym("hound") == Synonym("hound")
