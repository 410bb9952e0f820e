"""Reading WordNet's nouns."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from autotag.tagging.vocabulary.builtin import builtin_vocabulary

DATA = """  1 This is a licence.
00000001 03 n 01 animal 0 000 | alive
00000002 05 n 02 domestic_dog 0 dog 1 003 @ 00000001 n 0000 ~ 00000003 n 0000 %p 00000001 n 0000 | a | b
00000003 05 n 01 beagle 0 001 @i 00000002 n 0000 | hunts
"""


@pytest.fixture
def vocabulary_quarry(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("vocabulary_quarry")


def test_words_and_what_is_above_them_are_read(tmp_path: Path, vocabulary_quarry: ModuleType) -> None:
    path = tmp_path / "data.noun"
    path.write_text(DATA)
    nouns = vocabulary_quarry.Nouns(path)
    assert nouns.synsets["00000002"].words == ("domestic dog", "dog")
    assert nouns.above("00000003") == ["00000002", "00000001"]
    assert nouns.by_word["domestic dog"] == ["00000002"]


def test_the_number_of_words_is_hexadecimal(vocabulary_quarry: ModuleType) -> None:
    words = " ".join(f"w{number} 0" for number in range(10))
    assert len(vocabulary_quarry.parse(f"00000009 05 n 0a {words} 000 | many")[1].words) == 10


def test_every_class_has_its_place_in_wordnet(vocabulary_quarry: ModuleType) -> None:
    offsets = vocabulary_quarry.class_offsets()
    assert (len(set(offsets)), offsets[0]) == (1000, "01440764")


def test_the_everyday_words_are_seventy_five_of_the_vocabulary(script: Callable[[str], ModuleType]) -> None:
    words = script("everyday_words").WORDS
    assert len(set(words)) == 75
    assert set(words) <= builtin_vocabulary().words.keys()
