from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.configuration.effective import ProviderSettings
from autotag.configuration.entries import GOOGLE_CLOUD_VISION
from autotag.configuration.store import Place, Submission, save
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import ProviderMisconfigured
from autotag.tagging.provider_health.factory import provider_factory

DAMAGED: list[object] = [
    "plain",
    "KEY:",
    "KEY:A",
    "KEY:AAAA",
    "KEY:%%%%",
    "KEY:\u00e9",
    "KEY",
    ":",
    7,
    ["KEY"],
    True,
]


@pytest.fixture
def settings(session: Session, config: Config) -> ProviderSettings:
    texts = {
        "api_key": "a key",
        "enabled": "true",
        "confidence_threshold": "0.5",
        "maximum_number_of_calls": "0",
    }
    place = Place.of(GOOGLE_CLOUD_VISION)
    with unit_of_work(session) as work:
        return ProviderSettings(
            save(work, place, Submission(texts, "ada"), box=secret_box(config), choices={})
        )


def test_a_provider_is_built_from_what_is_saved(settings: ProviderSettings, config: Config) -> None:
    assert provider_factory(config)(settings).name == GOOGLE_CLOUD_VISION.provider


def test_a_key_that_cannot_be_read_is_told(settings: ProviderSettings, config: Config) -> None:
    build = provider_factory(replace(config, secret_key="another"))
    with pytest.raises(ProviderMisconfigured, match="The stored key cannot be read; enter it again"):
        build(settings)


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_key_is_told_as_well(settings: ProviderSettings, config: Config, damaged: object) -> None:
    values = settings.resolved.values | {"api_key": _with_our_key(damaged, config)}
    resolved = replace(settings.resolved, values=values)
    with pytest.raises(ProviderMisconfigured) as caught:
        provider_factory(config)(ProviderSettings(resolved))
    assert caught.value.code == "secret_unreadable"


def _with_our_key(damaged: object, config: Config) -> object:
    """Name the key that is in force, so that the damage is met behind it."""
    name = secret_box(config).seal("", "").partition(":")[0]
    return damaged.replace("KEY", name) if isinstance(damaged, str) else damaged
