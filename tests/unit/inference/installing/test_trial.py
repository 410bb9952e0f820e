"""A model is tried where it can hurt nobody."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from autotag.inference.errors import ModelRejected
from autotag.inference.installing import trial
from autotag.inference.installing.trial import VERIFICATION_PICTURE, expect_imagenet, run_once
from autotag.inference.models.model import ModelDescription, write_description
from autotag.inference.process.process import InferenceProcess


@pytest.fixture
def put(
    tmp_path: Path, write_classifier: Callable[..., Path], make_description: Callable[..., ModelDescription]
) -> Callable[..., Path]:
    """Makes the folder of a model from a tiny classifier and returns it."""

    def make(labels: list[str], **changes: Any) -> Path:
        content = write_classifier(**changes).read_bytes()
        (tmp_path / "model.tflite").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        description = make_description(sha256=digest, size=len(content), class_count=len(labels))
        write_description(tmp_path, description, labels)
        return tmp_path

    return make


def test_the_picture_is_the_drawn_clock() -> None:
    drawn = Image.new("RGB", (224, 224), "white")
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((22, 22, 202, 202), fill=(250, 250, 240), outline=(20, 20, 20), width=8)
    for hour in range(12):
        direction = (math.cos(hour * math.pi / 6), math.sin(hour * math.pi / 6))
        ends = [112 + length * part for length in (74, 84) for part in direction]
        draw.line(ends, fill="black", width=5)
    draw.line((112, 112, 112, 50), fill="black", width=5)
    draw.line((112, 112, 150, 130), fill="black", width=6)

    kept = Image.open(VERIFICATION_PICTURE)

    assert (kept.mode, kept.size) == ("RGB", (224, 224))
    # Another version of Pillow may draw an edge a little otherwise.
    difference = np.abs(np.asarray(kept, np.int16) - np.asarray(drawn, np.int16))
    assert difference.mean() < 1


def test_the_best_predictions_come_back(put: Callable[..., Path]) -> None:
    assert {item.name for item in run_once(put(["red", "green", "blue"]))} == {"red", "green", "blue"}


def test_a_model_that_sees_a_clock_passes(put: Callable[..., Path]) -> None:
    expect_imagenet(put(["analog clock", "tabby", "castle"]))


def test_a_model_that_sees_something_else_does_not_pass(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "VERIFICATION_TOP", 1)
    folder = put(["tabby", "analog clock", "castle"], bias=np.array([5.0, 0.0, 0.0]))

    with pytest.raises(ModelRejected, match="takes a drawn clock for 'tabby'") as refusal:
        expect_imagenet(folder)
    assert refusal.value.code == "verification_failed"


def test_what_the_child_refuses_arrives(put: Callable[..., Path]) -> None:
    with pytest.raises(ModelRejected, match="answers 3 numbers but has 2 labels"):
        run_once(put(["one", "two"]))


def test_a_model_that_kills_the_process_is_refused(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "InferenceProcess", lambda: InferenceProcess(command=["false"]))

    with pytest.raises(ModelRejected, match="cannot be run") as refusal:
        run_once(put(["one", "two"]))
    assert refusal.value.code == "model_unusable"
