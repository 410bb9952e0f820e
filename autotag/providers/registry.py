"""Which providers there are: name to the place of its builder, imported when first used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from autotag.inference.installing.store import ModelStore
from autotag.providers.base import AutoTagProvider, ProviderMisconfigured
from autotag.providers.prices import Price

BUILDERS = {
    "tensorflow": "autotag.providers.tensorflow:build",
    "google-cloud-vision": "autotag.providers.google_vision:build",
    "microsoft-cognitive-services": "autotag.providers.microsoft.provider:build",
}
"""One line registers a provider."""

GROUP = "autotag.providers"


@dataclass(frozen=True, slots=True)
class ProviderTools:
    """What the installation offers to providers: its models, and what its operator allows."""

    models: ModelStore
    google_vision_url: str = "https://vision.googleapis.com"
    allowed_private_hosts: tuple[str, ...] = ()


Builder = Callable[[Mapping[str, Any], ProviderTools], AutoTagProvider]


def build_provider(name: str, values: Mapping[str, Any], tools: ProviderTools) -> AutoTagProvider:
    """Return a provider for its settings by field name, secrets decrypted.

    Raises ProviderMisconfigured when there is no such provider, or when its settings cannot be used.
    """
    place = BUILDERS.get(name)
    if place is not None:
        module, _, attribute = place.partition(":")
        build: Builder = getattr(import_module(module), attribute)
        return build(values, tools)
    point = installed_providers().get(name)
    if point is None:
        raise ProviderMisconfigured("unknown_provider", f"There is no provider called {name}.")
    build = point.load().build
    return build(values, tools)


@cache
def published_price(name: str) -> Price | None:
    """Return the price list that a provider's module declares as `PRICE`; None when it declares none."""
    place = BUILDERS.get(name)
    if place is not None:
        module = import_module(place.partition(":")[0])
    elif name in installed_providers():
        module = installed_providers()[name].load()
    else:
        return None
    found = getattr(module, "PRICE", None)
    return found if isinstance(found, Price) else None


@cache
def installed_providers() -> Mapping[str, EntryPoint]:
    """Return the providers of packages of their own, by name: the entry points of the group `autotag.providers`.

    Each names a module with an `entry` (autotag.configuration.declaration.Entry) and a `build` function like
    those of the built-in providers. A built-in name cannot be taken.
    """
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in BUILDERS}
