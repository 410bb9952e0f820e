"""Tries a model in a process of its own before it is accepted, so that a broken or hostile one hurts nobody."""

from __future__ import annotations

from pathlib import Path

from autotag.inference.errors import ModelCode, ModelRejected, ProcessCrashed
from autotag.inference.messages import ImageRequest, Prediction
from autotag.inference.process.process import InferenceProcess

# A clock face, drawn for this: simple, and every sound ImageNet model sees a clock in it.
VERIFICATION_PICTURE = Path(__file__).with_name("clock.png")
VERIFICATION_LABEL = "analog clock"
# The two classes of ImageNet that the picture can be called with good reason.
VERIFICATION_LABELS = frozenset({VERIFICATION_LABEL, "wall clock"})
# Among so many of the first predictions one of them has to be. Labels that are off by one never come near.
VERIFICATION_TOP = 5


def run_once(folder: Path) -> tuple[Prediction, ...]:
    """What the model in `folder` says of the verification picture: its five best predictions.

    Raises `ModelRejected` when the model cannot be loaded, when its outputs and labels disagree, when it
    answers something that is no number, or when the process dies of it or takes too long.
    """
    with InferenceProcess() as process:
        try:
            result = process.process(ImageRequest(VERIFICATION_PICTURE, folder, top=VERIFICATION_TOP))
        except ProcessCrashed as error:
            message = f"The model cannot be run: {error.reason}"
            raise ModelRejected(ModelCode.MODEL_UNUSABLE, message) from error
    return result.predictions


def expect_imagenet(folder: Path) -> None:
    """Raises `ModelRejected` unless the model in `folder` runs and sees a clock in the verification picture."""
    seen = [prediction.name for prediction in run_once(folder)]
    if VERIFICATION_LABELS.isdisjoint(seen):
        message = f"The model runs but gives wrong answers: it takes a drawn clock for {seen[0]!r}."
        raise ModelRejected(ModelCode.VERIFICATION_FAILED, message)
