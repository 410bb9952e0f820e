"""Providers side by side: enabled ones, those that were sent something, those in trouble."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import GOOGLE_CLOUD_VISION, TENSORFLOW
from autotag.models import (
    ConfigurationRecord,
    Level,
    ProviderState,
    ProviderStatus,
    ProviderUsage,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.usage import providers_everywhere, providers_of
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

GOOGLE, MICROSOFT = "google-cloud-vision", "microsoft-cognitive-services"
TODAY = utc_now().date()
Add = Callable[..., None]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def add(sessions: sessionmaker[Session]) -> Add:
    def add(*rows: object) -> None:
        with sessions() as session, unit_of_work(session) as work:
            work.session.add_all(rows)

    return add


def settings(instance: VirtualInstance, entry: str, **values: object) -> ConfigurationRecord:
    return ConfigurationRecord(
        entry=entry,
        level=Level.INSTANCE,
        instance_id=instance.id,
        values=values,
        version=1,
        updated_at=utc_now(),
        updated_by="the tests",
    )


def sent(instance: VirtualInstance, provider: str, calls: int, days_ago: int = 0) -> ProviderUsage:
    day = TODAY - timedelta(days=days_ago)
    return ProviderUsage(instance_id=instance.id, provider=provider, day=day, calls=calls)


def paused(instance: VirtualInstance, provider: str = GOOGLE) -> ProviderState:
    return ProviderState(
        instance_id=instance.id,
        provider=provider,
        status=ProviderStatus.PAUSED,
        since=utc_now(),
        reason="No.",
    )


def test_nothing_enabled_is_nothing_to_show(session: Session, acme: VirtualInstance) -> None:
    assert providers_of(session, acme.id) == []
    assert providers_everywhere(session) == []


def test_an_enabled_provider_is_shown_with_its_calls_its_limit_and_its_cost(
    session: Session, acme: VirtualInstance, make: Factory, add: Add
) -> None:
    add(
        settings(acme, TENSORFLOW.key, enabled=True),
        settings(acme, GOOGLE_CLOUD_VISION.key, enabled=True, maximum_number_of_calls=5000),
        sent(acme, GOOGLE, 3000),
        sent(acme, GOOGLE, 999, days_ago=40),
        sent(make.instance(), GOOGLE, 7),
        paused(acme),
    )
    tensorflow, google = providers_of(session, acme.id)
    assert (tensorflow.entry, tensorflow.overview.usage, tensorflow.month_cost) == (TENSORFLOW, None, None)
    assert google.overview.usage is not None
    assert (google.overview.usage.today, google.overview.usage.month) == (3000, 3000)
    assert google.overview.usage.limit == 5000
    assert google.month_cost == pytest.approx(3.0)
    assert google.overview.is_paused


def test_one_that_was_switched_off_is_shown_for_what_it_cost(
    session: Session, acme: VirtualInstance, add: Add
) -> None:
    add(sent(acme, MICROSOFT, 12))
    (use,) = providers_of(session, acme.id)
    assert not use.overview.is_enabled
    assert use.overview.usage is not None
    assert (use.overview.usage.month, use.price, use.month_cost) == (12, None, None)


def test_everywhere_shows_what_was_sent_and_what_is_in_trouble(
    session: Session, engine: Engine, make: Factory, acme: VirtualInstance, add: Add
) -> None:
    globex = make.instance("globex")
    add(sent(acme, GOOGLE, 5), paused(globex), paused(globex, "gone provider"))
    with counted_statements(engine) as statements:
        uses = providers_everywhere(session)
    assert [(use.instance_id, use.overview.is_paused) for use in uses] == [
        (acme.id, False),
        (globex.id, True),
    ]
    assert len(statements) == 2
