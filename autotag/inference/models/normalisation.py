"""Decides which mean and standard deviation a model's input gets."""

from __future__ import annotations

from collections.abc import Sequence

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.models.metadata import EmbeddedMetadata
from autotag.inference.models.model import Triple
from autotag.inference.models.outline import TensorOutline

Normalisation = tuple[Triple, Triple]


def choose(
    tensor: TensorOutline,
    metadata: EmbeddedMetadata,
    mean: Sequence[float] | None,
    standard_deviation: Sequence[float] | None,
) -> Normalisation:
    """What was given; else what the metadata says; else, for an 8-bit input, pixels as they are.

    Raises `ModelRejected` when only one of the two was given, when one has neither one nor three numbers, or
    when a float input is left without them: nothing in such a file tells, and a guess would give wrong tags.
    """
    if mean or standard_deviation:
        if not (mean and standard_deviation):
            raise _missing("Mean and standard deviation belong together; give both.")
        return _triple(mean), _triple(standard_deviation)
    if metadata.mean and metadata.standard_deviation:
        return _triple(metadata.mean), _triple(metadata.standard_deviation)
    if tensor.kind == "float32":
        raise _missing(
            "The model does not say how its input is normalised; give mean and standard deviation."
        )
    return unchanged_pixels(tensor)


def unchanged_pixels(tensor: TensorOutline) -> Normalisation:
    """What feeds an 8-bit input the pixels as they are (0..255; 128 less for int8).

    The input of value x is round((x - mean) / standard deviation / scale) + zero point, which is x where the
    standard deviation is 1 / scale and the mean the zero point. Raises `ModelRejected` for one without scale.
    """
    if not tensor.scale > 0:
        message = "The model's 8-bit input has no scale, so that nothing can be fed to it."
        raise ModelRejected(ModelCode.NOT_A_CLASSIFIER, message)
    mean = float(tensor.zero_point + (128 if tensor.kind == "int8" else 0))
    deviation = 1 / tensor.scale
    return (mean, mean, mean), (deviation, deviation, deviation)


def _triple(numbers: Sequence[float]) -> Triple:
    """One number for each of the three channels."""
    match tuple(numbers):
        case (red, green, blue):
            return float(red), float(green), float(blue)
        case (grey,):
            return float(grey), float(grey), float(grey)
    raise _missing(f"A mean or standard deviation has one number or three, not {len(numbers)}.")


def _missing(message: str) -> ModelRejected:
    return ModelRejected(ModelCode.NORMALISATION_MISSING, message)
