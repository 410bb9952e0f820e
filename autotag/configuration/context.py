"""What reading and saving entries needs from the installation: its secret keys and its installed models."""

from collections.abc import Iterator, Mapping, Sequence

from autotag.config import Config
from autotag.configuration.entries import INSTALLED_MODELS
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.validation import Choices
from autotag.inference.installing.store import ModelStore


def secret_box(config: Config) -> SecretBox:
    """Return the box that encrypts with the current secret key and decrypts with the earlier ones, too."""
    return SecretBox((config.secret_key, *config.secret_key_fallbacks))


def installed_choices(models: ModelStore) -> Choices:
    """Return what a choice field can choose from at the moment in which it is read."""
    return _InstalledChoices(models)


class _InstalledChoices(Mapping[str, Sequence[tuple[str, str]]]):
    """Lists that are read anew each time.

    `store.save` reads them while nobody else changes the configuration, which whoever removes a model holds as well.
    """

    def __init__(self, models: ModelStore) -> None:
        self._models = models

    def __getitem__(self, name: str) -> Sequence[tuple[str, str]]:
        if name != INSTALLED_MODELS:
            raise KeyError(name)
        return [(model.name, model.title) for model in self._models.installed()]

    def __iter__(self) -> Iterator[str]:
        return iter((INSTALLED_MODELS,))

    def __len__(self) -> int:
        return 1
