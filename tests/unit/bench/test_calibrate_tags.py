"""Fitting a calibration."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from autotag.tagging.vocabulary.words import Vocabulary, Word

VOCABULARY = Vocabulary(
    {word.name: word for word in (Word("animal"), Word("dog", broader=("animal",)), Word("car"))},
    {"0": "dog", "1": "car"},
)


@pytest.fixture
def calibrate_tags(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("calibrate_tags")


def test_a_line_finds_the_correction_that_the_scores_need(calibrate_tags: ModuleType) -> None:
    chance = np.random.default_rng(1)
    scores = chance.uniform(0.02, 0.98, 40_000)
    real = 1 / (1 + np.exp(-(-1 + 1.5 * np.log(scores / (1 - scores)))))
    line, losses = calibrate_tags.fit_line(scores, chance.uniform(size=scores.size) < real)
    assert line == pytest.approx([-1, 1.5], abs=0.1)
    assert 0 < losses.mean() < 0.7


def test_sums_and_truth_follow_the_tree(calibrate_tags: ModuleType) -> None:
    sums = calibrate_tags.sums_of(np.array([[0.6, 0.4]], np.float32), VOCABULARY, 1.0)
    assert sums[0] == pytest.approx([0.6, 0.6, 0.4])
    assert calibrate_tags.truth_of([["dog"], []], VOCABULARY).tolist() == [[True, True, False], [False] * 3]
