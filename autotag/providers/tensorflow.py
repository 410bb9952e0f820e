"""TensorFlow: a TFLite model on this machine, no account needed."""

from collections.abc import Mapping
from typing import Any

from autotag.inference.errors import ModelRejected
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription
from autotag.providers.base import Answer, ProviderMisconfigured, TaggableImage
from autotag.providers.registry import ProviderTools


class TensorFlowProvider:
    """Tags with one installed model, in the inference process."""

    name = "tensorflow"
    title = "TensorFlow"
    mime_types = frozenset({"image/jpeg", "image/png", "image/bmp", "image/gif", "image/webp", "image/tiff"})
    sends_image = False

    def __init__(self, models: ModelStore, model: str) -> None:
        self._models = models
        self._model = model

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    @property
    def model_version(self) -> str:
        """The SHA-256 of the model's file. Raises ProviderMisconfigured when it is not installed."""
        return self._description().sha256

    def tag(self, image: TaggableImage) -> Answer:
        """Return the model's predictions.

        Raises ProviderMisconfigured when the model is not installed or cannot be used, ImageRejected for an
        image that cannot be decoded, and ProcessCrashed when the process died on it.
        """
        description = self._description()
        try:
            classification = image.classify(self._models.path(self._model))
        except ModelRejected as error:
            raise self._unusable(error) from error
        return Answer(classification.predictions, self._model, description.sha256, classification.runtime)

    def _description(self) -> ModelDescription:
        try:
            return self._models.get(self._model)
        except ModelRejected as error:
            raise self._unusable(error) from error

    def _unusable(self, error: ModelRejected) -> ProviderMisconfigured:
        return ProviderMisconfigured("model_unusable", f"The model {self._model} cannot be used: {error}")


def build(values: Mapping[str, Any], tools: ProviderTools) -> TensorFlowProvider:
    """Return the provider for the settings of the TensorFlow entry."""
    return TensorFlowProvider(tools.models, str(values["model"]))
