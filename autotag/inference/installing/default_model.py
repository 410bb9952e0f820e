"""Makes the files of a model from trained weights that came as a Python package: no download, no PyTorch."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.installing import efficientnet_lite, weights
from autotag.inference.installing.packages import find_weights
from autotag.inference.installing.trial import VERIFICATION_LABEL, VERIFICATION_PICTURE
from autotag.inference.models.catalogue import KnownModel, PackagedWeights
from autotag.inference.models.labels import imagenet_labels
from autotag.inference.models.model import MODEL_FILE, ModelDescription, write_description
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.confinement import quiet_native_output

# The least confidence to expect in what the picture shows. Measured: Lite0 0.82, Lite1 0.56, Lite2 0.74.
VERIFICATION_CONFIDENCE = 0.5


def build_model(known: KnownModel, folder: Path, weights_file: Path | None = None) -> ModelDescription:
    """Writes model, labels and description of `known` into the empty `folder`, and tries the model.

    The weights are read from `weights_file`, or else from their installed package. Raises `ModelRejected` when
    the weights or labels are missing, are not the expected ones, or give wrong answers.
    """
    origin = known.origin
    if not isinstance(origin, PackagedWeights):
        message = f"{known.name!r} is downloaded as a model, not built."
        raise ModelRejected(ModelCode.WEIGHTS_MISSING, message)
    variant = efficientnet_lite.VARIANTS[origin.variant]
    state = weights.read_state(weights_file or installed_weights(origin), origin.sha256)
    content = efficientnet_lite.build(state, variant, known.title)
    (folder / MODEL_FILE).write_bytes(content)
    description = known.described(hashlib.sha256(content).hexdigest(), len(content))
    write_description(folder, description, imagenet_labels())
    with quiet_native_output():
        verify(Classifier(folder))
    return description


def verify(classifier: Classifier) -> None:
    """Runs the model on a drawn picture.

    Raises `ModelRejected` unless it names it and all outputs are sound.
    """
    best = classifier.classify(verification_picture(), top=1)[0]
    if best.name != VERIFICATION_LABEL or best.confidence < VERIFICATION_CONFIDENCE:
        raise _failed(f"it takes a drawn clock for {best.name!r} ({best.confidence:.2f})")
    probabilities, embedding, feature_map = classifier.outputs()
    if abs(float(probabilities.sum()) - 1) > 1e-3:
        raise _failed(f"its probabilities sum to {float(probabilities.sum()):.4f}")
    if not (np.isfinite(embedding).all() and np.isfinite(feature_map).all()):
        raise _failed("its embedding or feature map is not finite")
    # The embedding is the mean of the feature map over its positions, which ties all three outputs together.
    if embedding.shape != feature_map.mean(axis=(1, 2)).shape or not np.allclose(
        embedding, feature_map.mean(axis=(1, 2)), atol=1e-3
    ):
        raise _failed("its embedding is not the mean of its feature map")


def verification_picture() -> Image.Image:
    """The drawn clock face, RGB 224 x 224."""
    return Image.open(VERIFICATION_PICTURE).convert("RGB")


def installed_weights(source: PackagedWeights) -> Path:
    """The path of the weights in their installed package. It is located, not imported: its code is not needed.

    Raises `ModelRejected` when the package is not installed.
    """
    if path := find_weights(source):
        return path
    message = f"The weights are missing: install the package {source.distribution}."
    raise ModelRejected(ModelCode.WEIGHTS_MISSING, message)


def _failed(reason: str) -> ModelRejected:
    return ModelRejected(
        ModelCode.VERIFICATION_FAILED, f"The model was built but gives wrong answers: {reason}."
    )
