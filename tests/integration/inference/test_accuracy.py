"""The default model, as installed and run by the product, knows what is on photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.process.process import ImageRequest, ImageResult, InferenceProcess

THRESHOLD = 0.1

pytestmark = pytest.mark.accuracy


def named(name: str) -> str:
    """A name as it is compared: as a tag, in small letters."""
    return name.replace("'", "").lower()


@dataclass(frozen=True)
class Outcome:
    """What one photograph shows and what was seen."""

    label: str
    result: ImageResult

    @property
    def is_first(self) -> bool:
        """Whether the best prediction is the right one."""
        return named(self.result.predictions[0].name) == self.label.lower()

    @property
    def is_tag(self) -> bool:
        """Whether the right one is among those over the threshold."""
        tags = {named(item.name) for item in self.result.predictions if item.confidence >= THRESHOLD}
        return self.label.lower() in tags


@pytest.fixture(scope="module")
def outcomes(shared_photographs: list[Any], model: Path) -> list[Outcome]:
    with InferenceProcess() as process:
        return [
            Outcome(photograph.label, process.process(ImageRequest(photograph.path, model)))
            for photograph in shared_photographs
        ]


def test_at_least_fifty_of_sixty_photographs_are_named_first(outcomes: list[Outcome]) -> None:
    assert len(outcomes) == 60
    assert sum(outcome.is_first for outcome in outcomes) >= 50


def test_at_least_fifty_four_of_sixty_get_their_tag(outcomes: list[Outcome]) -> None:
    assert sum(outcome.is_tag for outcome in outcomes) >= 54


@pytest.mark.parametrize("label", ["freight car", "electric locomotive"])
def test_the_examples_of_the_users_document_are_named(outcomes: list[Outcome], label: str) -> None:
    (outcome,) = [outcome for outcome in outcomes if outcome.label == label]

    assert outcome.is_first


def test_predictions_are_ordered_probabilities(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        confidences = [prediction.confidence for prediction in outcome.result.predictions]
        assert len(confidences) == 20
        assert confidences == sorted(confidences, reverse=True)
        assert 0 <= confidences[-1] <= confidences[0] <= sum(confidences) <= 1.0001
