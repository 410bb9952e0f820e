from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autotag.inference.errors import ImageCode, ImageRejected, ModelCode, ModelRejected, ProcessCrashed
from autotag.inference.installing.store import ModelStore
from autotag.inference.messages import Prediction
from autotag.media.sniffing import IMAGE_TYPES
from autotag.providers.base import Classification, ProviderMisconfigured
from autotag.providers.tensorflow import TensorFlowProvider


@dataclass
class Image:
    """An image that answers from a script and notes which model it was given to."""

    answer: Classification | Exception = field(
        default_factory=lambda: Classification((Prediction("cat", 0.9),), "scripted 1")
    )
    mime_type: str = "image/png"
    size: tuple[int, int] = (1, 1)
    models: list[Path] = field(default_factory=list)

    def classify(self, model: Path) -> Classification:
        self.models.append(model)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def jpeg(self, longest_side: int) -> bytes:
        raise AssertionError(longest_side)


def test_an_answer_names_the_model_its_version_and_the_runtime(models: ModelStore) -> None:
    image = Image()
    answer = TensorFlowProvider(models, "toy").tag(image)
    assert [(one.name, one.confidence) for one in answer.predictions] == [("cat", 0.9)]
    assert (answer.model, answer.model_version, answer.runtime) == ("toy", "ab" * 32, "scripted 1")
    assert image.models == [models.folder / "toy"]


def test_the_version_is_known_without_asking(models: ModelStore) -> None:
    provider = TensorFlowProvider(models, "toy")
    assert (provider.model, provider.model_version) == ("toy", "ab" * 32)


@pytest.mark.parametrize("name", ["gone", "../toy", ""])
def test_a_model_that_is_not_installed_is_a_wrong_setting(models: ModelStore, name: str) -> None:
    provider = TensorFlowProvider(models, name)
    image = Image()
    with pytest.raises(ProviderMisconfigured) as caught:
        provider.tag(image)
    assert caught.value.code == "model_unusable"
    assert image.models == []
    with pytest.raises(ProviderMisconfigured):
        _ = provider.model_version


def test_a_model_that_the_process_refuses_is_a_wrong_setting(models: ModelStore) -> None:
    image = Image(ModelRejected(ModelCode.MODEL_DAMAGED, "Its file is cut off."))
    with pytest.raises(ProviderMisconfigured, match=r"The model toy cannot be used: Its file is cut off\."):
        TensorFlowProvider(models, "toy").tag(image)


@pytest.mark.parametrize(
    "error", [ImageRejected(ImageCode.NOT_AN_IMAGE, "No image."), ProcessCrashed("Killed.", "exit")]
)
def test_what_is_wrong_with_the_image_or_the_process_passes(models: ModelStore, error: Exception) -> None:
    with pytest.raises(type(error)):
        TensorFlowProvider(models, "toy").tag(Image(error))


def test_it_takes_the_types_that_are_images_here_and_keeps_them_on_this_machine() -> None:
    assert TensorFlowProvider.mime_types == IMAGE_TYPES
    assert not TensorFlowProvider.sends_image
