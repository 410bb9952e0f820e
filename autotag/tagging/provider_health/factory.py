"""Providers built from saved settings: for the worker that tags, and for the page that tries a connection."""

from collections.abc import Callable

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.configuration.effective import ProviderSettings
from autotag.configuration.secret_box import SecretUnreadable
from autotag.inference.installing.store import ModelStore
from autotag.providers.base import AutoTagProvider, ProviderMisconfigured
from autotag.providers.registry import ProviderTools, build_provider

ProviderFactory = Callable[[ProviderSettings], AutoTagProvider]
"""Builds a provider from its settings. Raises ProviderError, and whatever a package of somebody else raises."""


def provider_factory(config: Config) -> ProviderFactory:
    """Return what builds providers from the settings in force."""
    box = secret_box(config)
    tools = ProviderTools(
        ModelStore(config.models_path), config.google_vision_url, config.allowed_private_hosts
    )

    def build(settings: ProviderSettings) -> AutoTagProvider:
        try:
            values = settings.revealed(box)
        except SecretUnreadable as error:
            raise ProviderMisconfigured("secret_unreadable", str(error)) from error
        return build_provider(settings.provider, values, tools)

    return build
