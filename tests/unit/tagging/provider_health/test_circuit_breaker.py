"""Providers in trouble: back-off, one line of log for each change, pausing and resuming."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, ProviderState, ProviderStatus, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import ProviderMisconfigured, ProviderUnavailable
from autotag.tagging.provider_health import circuit_breaker
from autotag.tagging.provider_health.circuit_breaker import (
    back_off,
    note_success,
    note_trouble,
    pause,
    resume,
    troubled_providers,
    waiting_code,
)
from tests.unit.conftest import Factory

DOWN = ProviderUnavailable("unavailable", "The service answered 503.")
WRONG = ProviderMisconfigured("bad_credentials", "The API key is wrong.")


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged."""
    written: list[str] = []

    class Note:
        def warning(self, event: str, **_: object) -> None:
            written.append(event)

        info = warning

    monkeypatch.setattr(circuit_breaker, "logger", Note())
    return written


def only_state(sessions: sessionmaker[Session]) -> ProviderState:
    with sessions() as session:
        return session.scalars(select(ProviderState)).one()


def test_waits_grow_and_six_tries_take_about_an_hour() -> None:
    waits = [back_off(failures, None).total_seconds() for failures in range(5)]
    assert waits == sorted(waits)
    assert 40 * 60 <= sum(waits) <= 75 * 60


def test_the_services_own_wait_is_a_lower_bound_within_reason() -> None:
    assert back_off(0, 120.0) >= timedelta(seconds=120)
    assert back_off(0, 10.0**9) <= timedelta(hours=1)


def test_failures_in_a_row_are_one_line_of_log(
    sessions: sessionmaker[Session], acme: VirtualInstance, lines: list[str]
) -> None:
    retry_at = [note_trouble(sessions, acme.id, "google-cloud-vision", DOWN) for _ in range(3)]
    assert lines == ["provider unavailable"]
    assert retry_at == sorted(retry_at)
    assert only_state(sessions).failures == 3


def test_an_answer_ends_the_trouble_and_lets_the_waiting_go_on(
    sessions: sessionmaker[Session], acme: VirtualInstance, lines: list[str], make: Factory
) -> None:
    later = utc_now() + timedelta(hours=1)
    code = waiting_code("google-cloud-vision")
    waiting = make.document(acme, tagging_reason_code=code, tagging_not_before=later)
    note_trouble(sessions, acme.id, "google-cloud-vision", DOWN)
    note_success(sessions, acme.id, "google-cloud-vision")
    note_success(sessions, acme.id, "google-cloud-vision")
    assert lines == ["provider unavailable", "provider works again"]
    with sessions() as session:
        assert session.get_one(Document, waiting.id).tagging_not_before is None
        assert troubled_providers(session, acme.id) == {}


def test_wrong_settings_pause_the_provider_in_that_instance_alone(
    sessions: sessionmaker[Session], acme: VirtualInstance, lines: list[str], make: Factory
) -> None:
    globex = make.instance("globex")
    pause(sessions, acme.id, "google-cloud-vision", WRONG)
    pause(sessions, acme.id, "google-cloud-vision", WRONG)
    assert lines == ["provider paused"]
    with sessions() as session:
        state = troubled_providers(session, acme.id)["google-cloud-vision"]
        assert (state.status, state.reason) == (ProviderStatus.PAUSED, "The API key is wrong.")
        assert troubled_providers(session, globex.id) == {}


@pytest.mark.parametrize("everywhere", [False, True])
def test_resuming_asks_again_where_it_was_resumed(
    sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory, everywhere: bool
) -> None:
    globex = make.instance("globex")
    for instance in (acme, globex):
        pause(sessions, instance.id, "google-cloud-vision", WRONG)
    with sessions() as session, unit_of_work(session) as work:
        resume(work, "google-cloud-vision", None if everywhere else acme.id)
    with sessions() as session:
        assert troubled_providers(session, acme.id) == {}
        assert bool(troubled_providers(session, globex.id)) is not everywhere


def test_documents_that_wait_for_another_provider_stay(
    sessions: sessionmaker[Session], acme: VirtualInstance, make: Factory
) -> None:
    later = utc_now() + timedelta(hours=1)
    other = make.document(acme, tagging_reason_code=waiting_code("tensorflow"), tagging_not_before=later)
    with sessions() as session, unit_of_work(session) as work:
        resume(work, "google-cloud-vision", acme.id)
    with sessions() as session:
        assert session.get_one(Document, other.id).tagging_not_before == later
