"""Requests, results and errors come over the pipe as they went in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.errors import ImageRejected, InferenceError, ModelRejected, RenditionFailed
from autotag.inference.messages import (
    ImageRequest,
    ImageResult,
    Prediction,
    Rendition,
    encode,
    error_from_json,
    error_to_json,
    request_from_json,
    request_to_json,
    result_from_json,
    result_to_json,
)


def over_the_pipe(values: dict[str, Any]) -> Any:
    line = encode(values)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


@pytest.mark.parametrize(
    "name", ["plain.jpg", "Größe 小.jpg", "two\nlines.jpg", os.fsdecode(b"\xff\xfe.jpg")]
)
def test_a_request_keeps_every_path(name: str) -> None:
    request = ImageRequest(Path(name), Path("models/m"), (Rendition(Path(name), 64, 70),), 5, 3)

    assert request_from_json(over_the_pipe(request_to_json(request))) == request


def test_a_request_may_be_without_a_model() -> None:
    request = ImageRequest(Path("a"), None)

    assert request_from_json(over_the_pipe(request_to_json(request))) == request


@pytest.mark.parametrize("model", ["m", None])
def test_a_result_comes_back(model: str | None) -> None:
    predictions = (Prediction("a", 0.1 + 0.2), Prediction("b", 0.1))
    result = ImageResult(
        1, 2, "image/png", "text", predictions, model, model, model, {"decode": 0.5}, {"Camera": "Größe"}
    )

    assert result_from_json(over_the_pipe(result_to_json(result))) == result


@pytest.mark.parametrize(
    "error",
    [
        ImageRejected("empty_file", "The file is empty.", "OSError"),
        ImageRejected("empty_file", "The file is empty."),
        ModelRejected("model_missing", "There is no model."),
        RenditionFailed("The disk is full."),
    ],
    ids=repr,
)
def test_an_error_comes_back_as_itself(error: InferenceError) -> None:
    copy = error_from_json(over_the_pipe(error_to_json(error)))

    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
