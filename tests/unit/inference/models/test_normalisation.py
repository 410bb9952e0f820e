"""Mean and standard deviation: what was given, else what the file says, never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.models.metadata import EmbeddedMetadata
from autotag.inference.models.normalisation import choose, unchanged_pixels
from autotag.inference.models.outline import TensorOutline

SAID = EmbeddedMetadata(mean=(127.5,), standard_deviation=(1.0, 2.0, 4.0))
SILENT = EmbeddedMetadata()


def tensor(kind: str = "float32", scale: float = 0.0, zero_point: int = 0) -> TensorOutline:
    return TensorOutline((1, 4, 4, 3), (), kind, scale, zero_point)


def test_what_was_given_counts_before_what_the_file_says() -> None:
    assert choose(tensor(), SAID, (10,), (1, 2, 3)) == ((10.0, 10.0, 10.0), (1.0, 2.0, 3.0))


def test_what_the_file_says_counts_next() -> None:
    assert choose(tensor("uint8", 1 / 128, 128), SAID, None, None) == ((127.5,) * 3, (1.0, 2.0, 4.0))


@pytest.mark.parametrize(
    ("kind", "zero_point", "mean"),
    [("uint8", 128, 128), ("uint8", 0, 0), ("int8", 0, 128), ("int8", -128, 0)],
)
def test_pixels_reach_a_quantised_input_unchanged(kind: str, zero_point: int, mean: int) -> None:
    means, deviations = choose(tensor(kind, 1 / 64, zero_point), SILENT, None, None)

    assert (means, deviations) == ((mean,) * 3, (64,) * 3)
    offset = 128 if kind == "int8" else 0
    for pixel in (0, 77, 255):
        assert round((pixel - means[0]) / deviations[0] * 64) + zero_point == pixel - offset


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((None, None), "give mean and standard deviation"),
        (((1,), None), "belong together"),
        ((None, (1,)), "belong together"),
        (((1, 2), (1,)), "one number or three, not 2"),
        (((1,), (1, 2, 3, 4)), "one number or three, not 4"),
    ],
)
def test_half_an_answer_is_refused(given: tuple[Any, Any], sentence: str) -> None:
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        choose(tensor(), SILENT, *given)
    assert refusal.value.code == "normalisation_missing"


def test_an_8_bit_input_without_scale_is_refused() -> None:
    with pytest.raises(ModelRejected, match="has no scale"):
        unchanged_pixels(tensor("uint8"))
