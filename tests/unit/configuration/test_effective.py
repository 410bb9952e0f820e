"""Settings in force: switches, maxima, reasons, and no query while nothing changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.declaration import Entry
from autotag.configuration.effective import (
    EffectiveSettings,
    TaggingSettings,
    configuration_version,
    effective_maximum,
)
from autotag.configuration.entries import (
    ASSET_AUTO_TAGGING,
    ASSET_AUTO_TAGGING_SYSTEM,
    INSTALLED_MODELS,
    TENSORFLOW,
    UPLOADS,
)
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, resolve, save, shown_values
from autotag.models import VirtualInstance
from autotag.models.unit_of_work import unit_of_work

Put = Callable[..., None]
Now = Callable[[VirtualInstance], TaggingSettings]


@pytest.fixture
def put(sessions: sessionmaker[Session]) -> Put:
    def put(entry: Entry, instance: VirtualInstance | None = None, **texts: str) -> None:
        with sessions() as session, unit_of_work(session) as work:
            place = Place.of(entry, instance.id if instance else None)
            submission = Submission(shown_values(resolve(session, place)) | texts, "eva")
            choices = {INSTALLED_MODELS: [("efficientnet-lite0", "Lite0")]}
            save(work, place, submission, box=SecretBox(["key"]), choices=choices)

    return put


@pytest.fixture
def settings(sessions: sessionmaker[Session]) -> EffectiveSettings:
    return EffectiveSettings(sessions)


@pytest.fixture
def now(sessions: sessionmaker[Session], settings: EffectiveSettings) -> Now:
    def now(instance: VirtualInstance) -> TaggingSettings:
        with sessions() as session:
            version = configuration_version(session)
        return settings.for_instance(instance.id, version)

    return now


@pytest.fixture
def acme(make: Any) -> VirtualInstance:
    found: VirtualInstance = make.instance("acme")
    return found


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_new_installation_has_no_provider(acme: VirtualInstance, now: Now) -> None:
    assert now(acme).refusal == "No image auto tagging provider is enabled."


def test_an_override_wins_over_system_settings_and_names_the_setting(
    make: Any, acme: VirtualInstance, put: Put, now: Now
) -> None:
    globex = make.instance("globex")
    put(TENSORFLOW, enabled="true")
    put(TENSORFLOW, acme, enabled="false")
    assert "Enable TensorFlow Image Auto Tagging is switched off in Instance Settings" in now(acme).refusal
    assert now(globex).refusal == ""
    assert [entry.provider for entry in now(globex).providers] == ["tensorflow"]


def test_the_master_switch_wins_over_everything(acme: VirtualInstance, put: Put, now: Now) -> None:
    put(TENSORFLOW, acme, enabled="true")
    put(ASSET_AUTO_TAGGING_SYSTEM, enabled="false")
    assert "Enable Auto Tagging of Assets is switched off in System Settings" in now(acme).refusal


def test_an_instance_can_switch_itself_off(acme: VirtualInstance, put: Put, now: Now) -> None:
    put(TENSORFLOW, enabled="true")
    put(ASSET_AUTO_TAGGING, acme, enabled="false")
    assert "switched off in Instance Settings" in now(acme).refusal


@pytest.mark.parametrize(
    ("maxima", "effective"), [((0, 0), 0), ((5, 0), 5), ((0, 3), 3), ((5, 3), 3), ((2, 9), 2)]
)
def test_the_smaller_maximum_that_is_a_limit_holds(maxima: tuple[int, int], effective: int) -> None:
    assert effective_maximum(*maxima) == effective


def test_a_system_maximum_lowered_later_holds_for_an_instance_that_saved_more(
    acme: VirtualInstance, put: Put, now: Now
) -> None:
    put(ASSET_AUTO_TAGGING, acme, maximum_number_of_tags="5")
    put(ASSET_AUTO_TAGGING_SYSTEM, maximum_number_of_tags="2")
    assert now(acme).maximum_number_of_tags == 2


def test_the_pixel_limit_is_the_instances_own(acme: VirtualInstance, put: Put, now: Now) -> None:
    put(UPLOADS, acme, maximum_pixels="3")
    assert now(acme).maximum_pixels == 3_000_000


def test_while_nothing_changes_no_query_is_made(
    acme: VirtualInstance, engine: Engine, settings: EffectiveSettings, put: Put
) -> None:
    put(TENSORFLOW, enabled="true")
    settings.for_instance(acme.id, 1)
    with counted(engine) as statements:
        for _ in range(100):
            settings.for_instance(acme.id, 1)
    assert statements == []


def test_a_change_acts_on_the_next_document(acme: VirtualInstance, put: Put, now: Now) -> None:
    put(TENSORFLOW, enabled="true")
    assert now(acme).providers[0].confidence_threshold == 0.1
    put(TENSORFLOW, confidence_threshold="0.9")
    assert now(acme).providers[0].confidence_threshold == 0.9
