"""Runs one installed TFLite classifier on decoded images.

Used inside the supervised process and by the model builder.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.messages import Prediction
from autotag.inference.models.model import ModelDescription, read_description, read_labels
from autotag.inference.process.mapped_files import release_pages
from autotag.inference.process.runtime import build_interpreter

# How far from 1 float outputs may sum and still be probabilities.
PROBABILITY_TOLERANCE = 0.01
# Reduce by whole factors first while more than this many source pixels are left for each pixel of the input's
# side.
REDUCING_GAP = 2.0

Box = tuple[float, float, float, float]


class Classifier:
    """One model in memory, warmed up.

    Shapes, types and quantisation are read from the model. `threads` is the number of threads of one
    inference. It is not safe for two threads at once. Raises `ModelRejected` when files are missing or
    damaged, or when model, description and labels disagree.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.description = read_description(folder)
        model_file = folder / self.description.model_file
        _expect_same_file(model_file, self.description)
        self.labels = read_labels(folder, self.description)
        self._interpreter = build_interpreter(model_file, threads)
        self._input = self._checked_input()
        self._output = self._checked_output()
        # Repeated along a row: numpy is six times quicker over whole rows than over three channels at a time.
        row = self.description.input_width
        self._mean = np.tile(np.array(self.description.mean, np.float32), row)
        self._scale = np.tile(np.float32(1) / np.array(self.description.standard_deviation, np.float32), row)
        # The first inference pays for lazy set-up in the runtime; no user's image should.
        self.classify(Image.new("RGB", (self.description.input_width, self.description.input_height)), top=1)
        # The runtime keeps weights as it packs them, and reads few in the file again.
        release_pages(model_file)

    def classify(self, image: Image.Image, top: int) -> tuple[Prediction, ...]:
        """The `top` most probable classes of an RGB image, highest first, equal ones in the model's order.

        Raises `ModelRejected` when the model answers something that is not finite.
        """
        self._interpreter.set_tensor(self._input["index"], self._input_tensor(image))
        self._interpreter.invoke()
        probabilities = self.probabilities()
        first = 1 if self.description.has_background_class else 0
        order = np.argsort(-probabilities[first:], kind="stable")[:top] + first
        return tuple(Prediction(self.labels[index], float(probabilities[index])) for index in order)

    def probabilities(self) -> NDArray[np.float32]:
        """What the last inference gave for each class, background included: float32 [class_count], 0..1."""
        raw = self._interpreter.get_tensor(self._output["index"]).reshape(-1)
        values = _dequantised(raw, self._output)
        if not np.isfinite(values).all():
            message = f"{self.description.name!r} answers numbers that are not finite."
            raise ModelRejected(ModelCode.MODEL_UNUSABLE, message)
        return np.clip(values if self._answers_probabilities(values) else _softmax(values), 0, 1)

    def _answers_probabilities(self, values: NDArray[np.float32]) -> bool:
        """Whether `values` are probabilities already.

        An 8-bit output tells it by its range: TFLite quantises softmax to 0..255/256. Its sum says nothing,
        because the many small probabilities of an unclear image are all rounded to 0.
        """
        kind = np.dtype(self._output["dtype"])
        if kind != np.float32:
            limits = np.array([np.iinfo(kind).min, np.iinfo(kind).max], kind)
            lowest, highest = _dequantised(limits, self._output)
            return bool(lowest >= 0 and highest <= 1)
        return bool(values.min() >= 0 and abs(float(values.sum()) - 1) <= PROBABILITY_TOLERANCE)

    def outputs(self) -> list[NDArray[Any]]:
        """Every output of the last inference, as the model gave it, in the model's order."""
        interpreter = self._interpreter
        return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]

    def _input_tensor(self, image: Image.Image) -> NDArray[Any]:
        """The cropped, resized and normalised image in the input's own type: [1, height, width, 3]."""
        description = self.description
        size = (description.input_width, description.input_height)
        box = centre_box(image.size, size, description.crop_fraction)
        resampling = Image.Resampling[description.resampling.upper()]
        small = image.resize(size, resampling, box=box, reducing_gap=REDUCING_GAP)
        pixels = np.asarray(small)
        normalised = pixels.reshape(description.input_height, -1) - self._mean
        normalised *= self._scale
        return _quantised(normalised, self._input).reshape(1, *pixels.shape)

    def _checked_input(self) -> dict[str, Any]:
        """The details of the model's input, once they agree with the description."""
        details = self._interpreter.get_input_details()
        expected = [1, self.description.input_height, self.description.input_width, 3]
        shapes = [[int(side) for side in item["shape"]] for item in details]
        if shapes != [expected]:
            message = f"{self.description.name!r} takes inputs of shape {shapes}, not one of {expected}."
            raise ModelRejected(ModelCode.MODEL_UNUSABLE, message)
        _expect_known_type(self.description, details[0])
        return details[0]

    def _checked_output(self) -> dict[str, Any]:
        """The details of the first output that has one number for each label."""
        details = self._interpreter.get_output_details()
        for item in details:
            if int(np.prod(item["shape"])) == len(self.labels) == int(item["shape"][-1]):
                _expect_known_type(self.description, item)
                return item
        lengths = " or ".join(str(int(item["shape"][-1])) for item in details if len(item["shape"]))
        message = f"{self.description.name!r} answers {lengths} numbers but has {len(self.labels)} labels."
        raise ModelRejected(ModelCode.LABELS_MISMATCH, message)


def centre_box(source: tuple[int, int], target: tuple[int, int], fraction: float) -> Box:
    """The largest centred box with the target's proportions, times `fraction`.

    All in pixels; the box is left, top, right, bottom.
    """
    (width, height), (target_width, target_height) = source, target
    scale = fraction * min(width / target_width, height / target_height)
    # At least one pixel, and never outside for a rounding error.
    box_width, box_height = (
        min(float(limit), max(1.0, side * scale))
        for limit, side in ((width, target_width), (height, target_height))
    )
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, left + box_width, top + box_height


def _expect_same_file(model_file: Path, description: ModelDescription) -> None:
    """Raises `ModelRejected` unless the model file is there and is the one that was installed."""
    try:
        with model_file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        message = f"The file {model_file.name} of {description.name!r} is missing."
        raise ModelRejected(ModelCode.MODEL_MISSING, message) from error
    if digest != description.sha256:
        message = f"The file {model_file.name} of {description.name!r} has changed since it was installed."
        raise ModelRejected(ModelCode.MODEL_DAMAGED, message)


def _expect_known_type(description: ModelDescription, details: dict[str, Any]) -> None:
    """Raises `ModelRejected` for a tensor that is neither float32 nor 8-bit with a scale."""
    name = np.dtype(details["dtype"]).name
    scale, _ = details["quantization"]
    if name != "float32" and (name not in {"uint8", "int8"} or not scale > 0):
        message = f"{description.name!r} has a tensor of type {name}; float32, uint8 and int8 are supported."
        raise ModelRejected(ModelCode.MODEL_UNUSABLE, message)


def _quantised(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    """`values` in the tensor's own type; for 8 bits value / scale + zero point, rounded and kept in range."""
    kind = np.dtype(details["dtype"])
    if kind == np.float32:
        return values
    scale, zero_point = details["quantization"]
    limits = np.iinfo(kind)
    quantised: NDArray[Any] = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return quantised.astype(kind)


def _dequantised(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """The inverse of `_quantised`: scale x (value - zero point)."""
    if values.dtype == np.float32:
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def _softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """exp(x) / sum of exp(x), with the highest value taken off first so that nothing overflows."""
    powers = np.exp(values - values.max())
    result: NDArray[np.float32] = powers / powers.sum()
    return result
