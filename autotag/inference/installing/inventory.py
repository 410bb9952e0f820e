"""All models that a person can choose from: those of the catalogue, installed or not, and those imported."""

from __future__ import annotations

from dataclasses import dataclass

from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import CATALOGUE, DEFAULT_MODEL, KnownModel
from autotag.inference.models.model import ModelDescription


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model as a list shows it.

    `size` is bytes, approximate until it is installed; `input_width` and `input_height` are pixels;
    `class_count` leaves the background class out; `sha256` is that of the installed file, else None.
    """

    name: str
    title: str
    installed: bool
    imported: bool
    default: bool
    size: int
    class_count: int
    input_width: int
    input_height: int
    accuracy: str
    licence: str
    source: str
    sha256: str | None


def inventory(store: ModelStore) -> list[ModelSummary]:
    """The catalogue in its order, then the imported models by name. A damaged model is not installed."""
    installed = {description.name: description for description in store.installed()}
    models: list[KnownModel | ModelDescription] = [
        installed.get(name, known) for name, known in CATALOGUE.items()
    ]
    models += [description for name, description in installed.items() if name not in CATALOGUE]
    return [_summary(model) for model in models]


def _summary(model: KnownModel | ModelDescription) -> ModelSummary:
    is_installed = isinstance(model, ModelDescription)
    return ModelSummary(
        name=model.name,
        title=model.title,
        installed=is_installed,
        imported=model.name not in CATALOGUE,
        default=model.name == DEFAULT_MODEL,
        size=model.size,
        class_count=model.class_count - model.has_background_class,
        input_width=model.input_width,
        input_height=model.input_height,
        accuracy=model.accuracy,
        licence=model.licence,
        source=model.source,
        sha256=model.sha256 if isinstance(model, ModelDescription) else None,
    )
