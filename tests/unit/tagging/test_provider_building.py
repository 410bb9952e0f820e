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
from autotag.tagging.provider_building import provider_factory


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
    with pytest.raises(ProviderMisconfigured, match="Enter it again"):
        build(settings)
