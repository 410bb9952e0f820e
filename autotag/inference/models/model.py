"""What is known of an installed model, kept beside it as `model.json`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from autotag.inference.errors import ModelCode, ModelRejected

DESCRIPTION_FILE = "model.json"
# What the other two files of a model are called where they are written here.
MODEL_FILE = "model.tflite"
LABEL_FILE = "labels.txt"
RESAMPLINGS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
LARGEST_INPUT = 4096

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """How to feed a TFLite classifier and how to name what it answers.

    `input_width` and `input_height` are pixels. The input of channel c is (x - mean[c]) /
    standard_deviation[c] for x in 0..255, of a centre crop whose side is `crop_fraction` (above 0, at most 1)
    of the image's shorter side, resized with `resampling`. `class_count` is the length of the model's output;
    with `has_background_class` its first entry is no class. `sha256` and `size` (bytes) are those of the
    model file. File names are relative to the model's folder.

    Building one with values outside these rules raises `ModelRejected` (`description_invalid`).
    """

    name: str
    title: str
    input_width: int
    input_height: int
    mean: Triple
    standard_deviation: Triple
    crop_fraction: float
    resampling: str
    model_file: str
    label_file: str
    has_background_class: bool
    class_count: int
    licence: str
    source: str
    accuracy: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        for fault, is_wrong in self._rules():
            if is_wrong:
                raise _invalid(f"{fault} (model {self.name!r})")

    def _rules(self) -> list[tuple[str, bool]]:
        """Each rule as the sentence to show when it is broken, and whether it is."""
        sides = (self.input_width, self.input_height)
        deviations = self.standard_deviation
        return [
            (
                "the name must be lower-case letters, digits, dots, dashes",
                not NAME_PATTERN.fullmatch(self.name),
            ),
            (
                f"the input must be 1 to {LARGEST_INPUT} pixels a side",
                not all(1 <= side <= LARGEST_INPUT for side in sides),
            ),
            ("the mean must be finite", not all(map(math.isfinite, self.mean))),
            (
                "the standard deviation must be above 0",
                not all(math.isfinite(d) and d > 0 for d in deviations),
            ),
            ("the crop fraction must be above 0 and at most 1", not 0 < self.crop_fraction <= 1),
            (f"the resampling must be one of {', '.join(RESAMPLINGS)}", self.resampling not in RESAMPLINGS),
            ("the model file must be a plain file name", not _is_plain_file_name(self.model_file)),
            ("the label file must be a plain file name", not _is_plain_file_name(self.label_file)),
            ("a classifier has at least 2 classes", self.class_count < 2),
            ("the SHA-256 must be 64 hexadecimal digits", not re.fullmatch(r"[0-9a-f]{64}", self.sha256)),
            ("the size must be above 0", self.size <= 0),
        ]

    def to_json(self) -> str:
        """The text of `model.json`."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelDescription:
        """The description that `text` holds.

        Raises `ModelRejected` naming the field that is missing, unknown or wrong.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _invalid(f"it is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise _invalid("it is not a JSON object")
        expected = {field.name: str(field.type) for field in fields(cls)}
        for name in values.keys() - expected.keys():
            raise _invalid(f"the field {name!r} is unknown")
        for name in expected.keys() - values.keys():
            raise _invalid(f"the field {name!r} is missing")
        return cls(**{name: _checked(name, values[name], kind) for name, kind in expected.items()})


def read_description(folder: Path) -> ModelDescription:
    """The description of the model in `folder`. Raises `ModelRejected` when it is missing or wrong."""
    try:
        text = (folder / DESCRIPTION_FILE).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelRejected(ModelCode.MODEL_MISSING, f"There is no model in {folder.name!r}.") from error
    except UnicodeDecodeError as error:
        raise _invalid(f"it is not UTF-8: {error}") from error
    return _parsed(text)


@lru_cache(maxsize=16)
def _parsed(text: str) -> ModelDescription:
    """The description in `text`. Workers ask for it twice an image, and it hardly ever changes."""
    return ModelDescription.from_json(text)


def write_description(folder: Path, description: ModelDescription, labels: Iterable[str]) -> None:
    """Writes the description and its label file, one label a line, into the model's folder."""
    text = "".join(f"{label}\n" for label in labels)
    (folder / description.label_file).write_text(text, encoding="utf-8")
    (folder / DESCRIPTION_FILE).write_text(description.to_json(), encoding="utf-8")


def read_labels(folder: Path, description: ModelDescription) -> tuple[str, ...]:
    """The names of the model's outputs in order, `class_count` of them.

    The label file has one name a line. When the model has a background class and the file leaves it out, it
    is put in front, so that names and outputs always have the same positions. Raises `ModelRejected` naming
    both numbers when they disagree.
    """
    try:
        lines = (folder / description.label_file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ModelRejected(
            ModelCode.MODEL_MISSING, f"The labels of {description.name!r} are missing."
        ) from error
    except UnicodeDecodeError as error:
        message = f"The labels of {description.name!r} are not UTF-8."
        raise ModelRejected(ModelCode.MODEL_DAMAGED, message) from error
    labels = tuple(line.strip() for line in lines)
    if description.has_background_class and len(labels) == description.class_count - 1:
        labels = ("background", *labels)
    if len(labels) != description.class_count:
        message = f"{description.name!r} has {description.class_count} classes but {len(labels)} labels."
        raise ModelRejected(ModelCode.LABELS_MISMATCH, message)
    return labels


def _invalid(reason: str) -> ModelRejected:
    return ModelRejected(ModelCode.DESCRIPTION_INVALID, f"The model's description is wrong: {reason}.")


def _is_plain_file_name(name: str) -> bool:
    """Whether `name` stays in the model's folder: one component, neither empty nor a dot name."""
    return bool(name) and PurePath(name).name == name and name not in {".", ".."} and "\\" not in name


def _checked(name: str, value: Any, kind: str) -> Any:
    """`value` as the field's type `kind`. A bool is no number, and a whole number may stand for a float."""
    accepted: dict[str, tuple[type[Any], ...]] = {
        "str": (str,),
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
    }
    if kind == "Triple":
        if not isinstance(value, list) or len(value) != 3:
            raise _invalid(f"the field {name!r} must be three numbers")
        return tuple(_checked(name, item, "float") for item in value)
    if not isinstance(value, accepted[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise _invalid(f"the field {name!r} must be of type {kind}")
    return float(value) if kind == "float" else value
