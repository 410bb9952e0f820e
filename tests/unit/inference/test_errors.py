"""Errors keep their code, speak for themselves, and travel."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from autotag.inference.errors import (
    ImageCode,
    ImageRejected,
    InferenceError,
    InstallationCancelled,
    ModelRejected,
    ProcessCrashed,
    RenditionFailed,
)

ERRORS = [
    ImageRejected("empty_file", "The file is empty.", "OSError"),
    ModelRejected("unknown_model", "No model is called 'x'."),
    InstallationCancelled(),
    RenditionFailed("The disk is full."),
    ProcessCrashed("It ended.", "timeout"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_all_it_says(error: InferenceError) -> None:
    arrived = copy.copy(error)  # by the same steps as pickling, which takes it to another process

    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_text_of_an_error_is_its_sentence_alone(error: InferenceError) -> None:
    assert str(error).endswith(".")
    assert "(" not in str(error)


def test_a_code_that_is_not_declared_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="strange"):
        ImageRejected("strange", "What is this?")
    with pytest.raises(ValueError, match="strange"):
        ModelRejected("strange", "What is this?")


def test_every_code_of_a_refused_image_is_documented() -> None:
    page = Path(__file__).parents[3] / "docs" / "guide" / "auto-tagging-images.md"
    told = re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)

    assert set(told) == {str(code) for code in ImageCode}
