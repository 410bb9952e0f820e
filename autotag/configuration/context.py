"""What reading and saving entries needs from the installation: its secret keys and its installed models."""

from autotag.config import Config
from autotag.configuration.entries import INSTALLED_MODELS
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.validation import Choices
from autotag.inference.store import ModelStore


def secret_box(config: Config) -> SecretBox:
    """Return the box that encrypts with the current secret key and decrypts with the earlier ones, too."""
    return SecretBox((config.secret_key, *config.secret_key_fallbacks))


def installed_choices(models: ModelStore) -> Choices:
    """Return what a choice field can choose from now."""
    return {INSTALLED_MODELS: [(model.name, model.title) for model in models.installed()]}
