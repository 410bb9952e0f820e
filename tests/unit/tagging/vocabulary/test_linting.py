"""The linter finds each kind of fault, put in on purpose, and none in the built-in vocabulary."""

from dataclasses import replace

import pytest

from autotag.tagging.vocabulary.builtin import DETECTIONS, IMAGENET_CLASSES, builtin_rows
from autotag.tagging.vocabulary.linting import Fault, find_faults
from autotag.tagging.vocabulary.table import ClassRow, WordRow

ANIMAL = WordRow(2, "animal")
DOG = WordRow(3, "dog", ("animal",), ("doggy",))
CRANE = WordRow(4, "crane (bird)", ("animal",))
CLASSES = [ClassRow(2, "0", "beagle", "dog"), ClassRow(3, "1", "crane", "crane (bird)")]
EXPECTED = ("0", "1")


def faults(words: list[WordRow], classes: list[ClassRow] = CLASSES) -> list[Fault]:
    return find_faults(words, classes, EXPECTED)


def test_the_builtin_vocabulary_has_no_fault() -> None:
    words, classes = builtin_rows()
    assert find_faults(words, classes, (*IMAGENET_CLASSES, *DETECTIONS)) == []


def test_sound_tables_have_no_fault() -> None:
    assert faults([ANIMAL, DOG, CRANE]) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (replace(DOG, broader=("beast",)), "broader_missing"),
        (replace(DOG, treatment="perhaps"), "treatment"),
        (replace(DOG, threshold="48"), "threshold"),
        (replace(DOG, threshold="-0.1"), "threshold"),
        (replace(DOG, threshold="high"), "threshold"),
        (replace(DOG, threshold="nan"), "threshold"),
        (replace(DOG, synonyms=("Animal",)), "name_twice"),
        (replace(DOG, synonyms=("CRANE (BIRD)",)), "name_twice"),
        (replace(DOG, synonyms=("dog's",)), "name"),
        (replace(DOG, synonyms=("d" * 76,)), "name"),
        (replace(DOG, synonyms=("german language=Hund",)), "language"),
    ],
)
def test_a_fault_of_a_word_is_found_in_its_line(changed: WordRow, code: str) -> None:
    found = faults([ANIMAL, changed, CRANE])
    assert [fault.code for fault in found] == [code]
    assert found[0].table == "words"
    assert found[0].line in (3, 4)
    assert found[0].message


def test_two_words_of_one_name_are_found() -> None:
    assert [(one.code, one.line) for one in faults([ANIMAL, DOG, CRANE, replace(DOG, line=9)])] == [
        ("name_twice", 9),
        ("name_twice", 9),
    ]


def test_every_word_of_a_circle_is_found() -> None:
    circle = [replace(ANIMAL, broader=("dog",)), DOG, CRANE]
    assert [(one.code, one.line) for one in faults(circle)] == [("circle", 2), ("circle", 3)]
    assert [one.code for one in faults([replace(ANIMAL, broader=("animal",)), DOG, CRANE])] == ["circle"]


def test_a_word_above_nothing_is_found() -> None:
    empty = WordRow(9, "placental", ("animal",))
    assert [(one.code, one.line) for one in faults([ANIMAL, DOG, CRANE, empty])] == [("word_empty", 9)]


@pytest.mark.parametrize(
    ("classes", "codes"),
    [
        (CLASSES[:1], ["class_missing", "word_empty"]),
        ([*CLASSES, ClassRow(4, "1", "crane", "dog")], ["class_twice", "class_twice"]),
        ([*CLASSES, ClassRow(4, "2", "cat", "dog")], ["class_unknown"]),
        ([CLASSES[0], ClassRow(3, "1", "crane", "machine")], ["target_missing", "word_empty"]),
    ],
)
def test_a_fault_of_a_class_is_found(classes: list[ClassRow], codes: list[str]) -> None:
    assert [fault.code for fault in faults([ANIMAL, DOG, CRANE], classes)] == codes
