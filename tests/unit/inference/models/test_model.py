"""A description comes back as it was written, and each wrong field is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.models.model import (
    ModelDescription,
    read_description,
    read_labels,
    write_description,
)

Make = Callable[..., ModelDescription]


def test_a_description_survives_the_round_trip(make_description: Make) -> None:
    description = make_description(title="Größe", mean=(1.5, 2.0, 3.0))

    assert ModelDescription.from_json(description.to_json()) == description


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "Up/../per", "name must be"),
        ("input_width", 0, "1 to 4096 pixels"),
        ("input_height", 5000, "1 to 4096 pixels"),
        ("mean", (float("nan"), 0.0, 0.0), "mean must be finite"),
        ("standard_deviation", (1.0, 0.0, 1.0), "standard deviation must be above 0"),
        ("crop_fraction", 0.0, "crop fraction"),
        ("crop_fraction", 1.01, "crop fraction"),
        ("resampling", "magic", "resampling must be one of"),
        ("model_file", "../model.tflite", "model file must be a plain file name"),
        ("label_file", "", "label file must be a plain file name"),
        ("class_count", 1, "at least 2 classes"),
        ("sha256", "abc", "64 hexadecimal digits"),
        ("size", 0, "size must be above 0"),
    ],
)
def test_a_value_outside_its_range_is_refused(
    make_description: Make, field: str, value: Any, sentence: str
) -> None:
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        make_description(**{field: value})
    assert refusal.value.code == "description_invalid"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"extra": 1}, "'extra' is unknown"),
        ({"title": 7}, "'title' must be of type str"),
        ({"input_width": True}, "'input_width' must be of type int"),
        ({"input_width": 224.5}, "'input_width' must be of type int"),
        ({"has_background_class": 0}, "'has_background_class' must be of type bool"),
        ({"mean": [1, 2]}, "'mean' must be three numbers"),
        ({"mean": [1, 2, "3"]}, "'mean' must be of type float"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(
    description_values: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ModelRejected, match=sentence):
        ModelDescription.from_json(json.dumps(description_values | changes))


def test_a_missing_field_is_named(description_values: dict[str, Any]) -> None:
    del description_values["licence"]

    with pytest.raises(ModelRejected, match="'licence' is missing"):
        ModelDescription.from_json(json.dumps(description_values))


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ModelRejected, match="not"):
        ModelDescription.from_json(text)


def test_whole_numbers_may_stand_for_floats(description_values: dict[str, Any]) -> None:
    text = json.dumps(description_values | {"mean": [1, 2, 3]})

    assert ModelDescription.from_json(text).mean == (1.0, 2.0, 3.0)


def test_an_absent_description_means_an_absent_model(tmp_path: Path) -> None:
    with pytest.raises(ModelRejected) as refusal:
        read_description(tmp_path)
    assert refusal.value.code == "model_missing"


def test_labels_are_read_one_a_line(make_description: Make, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("a b\r\nç\nd\n".encode())

    assert read_labels(tmp_path, make_description()) == ("a b", "ç", "d")


def test_what_was_written_is_read_again(make_description: Make, tmp_path: Path) -> None:
    description = make_description()

    write_description(tmp_path, description, ["a b", "ç", "d"])

    assert read_description(tmp_path) == description
    assert read_labels(tmp_path, description) == ("a b", "ç", "d")


def test_a_background_class_without_a_label_gets_one(make_description: Make, tmp_path: Path) -> None:
    description = make_description(has_background_class=True)
    (tmp_path / "labels.txt").write_text("a\nb\n")

    assert read_labels(tmp_path, description) == ("background", "a", "b")


def test_a_wrong_number_of_labels_names_both_numbers(make_description: Make, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\n")

    with pytest.raises(ModelRejected, match="has 3 classes but 2 labels") as refusal:
        read_labels(tmp_path, make_description())
    assert refusal.value.code == "labels_mismatch"


def test_labels_that_are_not_text_are_refused(make_description: Make, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\nb\nc\n")

    with pytest.raises(ModelRejected, match="not UTF-8"):
        read_labels(tmp_path, make_description())
