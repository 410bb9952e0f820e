"""How tags are measured: singular and plural, implied words, suggestions, searches among single things."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from autotag.tagging.vocabulary.selection import Selection
from autotag.tagging.vocabulary.words import Synonym, Vocabulary, Word

WORDS = (
    Word("animal"),
    Word("dog", (Synonym("hound (animal)"),), broader=("animal",)),
    Word("beagle", broader=("dog",)),
    Word("car"),
)
VOCABULARY = Vocabulary({word.name: word for word in WORDS}, {"0": "beagle", "1": "car"})


@pytest.fixture
def tag_truth(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("tag_truth")


def test_measures_count_what_is_true_found_and_suggested(tmp_path: Path, tag_truth: ModuleType) -> None:
    rows = [
        {"file": "a.jpg", "true": ["Dogs", "animal"], "main": ["dog"]},
        {"file": "b.jpg", "true": ["hound"], "main": ["animals"]},
        {"file": "c.jpg", "true": ["tree"], "main": ["tree"]},
    ]
    (tmp_path / "truth.json").write_text(json.dumps(rows))
    chosen = [
        Selection({"dog": 0.9}, {"animal": 0.9}, {}),
        Selection({"dog": 0.9, "car": 0.8}, {}, {"beagle": 0.3}),
        Selection({}, {}, {"car": 0.2}),
    ]
    found = tag_truth.measure_everyday(tag_truth.read_everyday(tmp_path), chosen, VOCABULARY)
    assert found.tags == pytest.approx(1)
    assert found.true == pytest.approx(2 / 3)
    assert found.wrong == ("b.jpg: car",)
    assert found.found == pytest.approx(1 / 3)
    assert found.found_with_suggestions == pytest.approx(2 / 3)
    assert found.suggestions == pytest.approx(2 / 3)


def test_a_search_among_single_things_is_measured_both_ways(tag_truth: ModuleType) -> None:
    chosen = [Selection({"dog": 0.9}, {"animal": 0.9}, {}), Selection({"dog": 0.8}, {}, {})]
    found, right = tag_truth.measure_single([0, 1], chosen, ("animal", "dog", "car"), VOCABULARY)
    assert found == pytest.approx(2 / 3)
    assert right == pytest.approx(2 / 3)
