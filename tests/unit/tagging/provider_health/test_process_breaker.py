"""Crashes counted for all workers, the interval, disabling and enabling again."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import TENSORFLOW_PROCESS
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, resolve, save, shown_values
from autotag.inference.errors import ProcessCrashed
from autotag.models import Document, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.provider_health.process_breaker import (
    PROCESS_DISABLED,
    count_death_at_rest,
    enable_process,
    is_process_disabled,
    process_health,
    record_crash,
)
from tests.unit.conftest import Factory

NOW = utc_now()


@pytest.fixture
def limit(sessions: sessionmaker[Session]) -> Callable[[int], None]:
    def limit(maximum: int) -> None:
        with sessions() as session, unit_of_work(session) as work:
            place = Place.of(TENSORFLOW_PROCESS)
            texts = shown_values(resolve(session, place)) | {"maximum_number_of_relaunches": str(maximum)}
            save(work, place, Submission(texts, "eva"), box=SecretBox(["key"]), choices={})

    return limit


def crash(sessions: sessionmaker[Session], at: datetime = NOW) -> bool:
    return record_crash(sessions, "Killed by signal 9.", at)


def test_a_crash_beyond_the_maximum_disables_the_process(
    sessions: sessionmaker[Session], session: Session, limit: Callable[[int], None]
) -> None:
    limit(2)
    assert [crash(sessions) for _ in range(3)] == [False, False, True]
    assert is_process_disabled(session)
    health = process_health(session, NOW)
    assert (health.crashes, health.maximum, health.last_reason) == (3, 2, "Killed by signal 9.")
    assert health.disabled_at == NOW


def test_a_crash_of_a_process_that_ran_when_it_was_disabled_says_so_too(
    sessions: sessionmaker[Session], session: Session, limit: Callable[[int], None]
) -> None:
    limit(0)
    assert crash(sessions)
    assert crash(sessions, NOW + timedelta(seconds=1))
    assert process_health(session, NOW).disabled_at == NOW


def test_no_relaunches_means_that_the_first_crash_disables_it(
    sessions: sessionmaker[Session], limit: Callable[[int], None]
) -> None:
    limit(0)
    assert crash(sessions)


def test_a_death_between_two_images_counts_like_one_on_an_image(
    sessions: sessionmaker[Session], session: Session, limit: Callable[[int], None]
) -> None:
    limit(1)
    may_start = count_death_at_rest(sessions)
    assert may_start(ProcessCrashed("Ended by SIGKILL.", "exit"))
    assert not may_start(ProcessCrashed("Ended by SIGKILL.", "exit"))
    assert is_process_disabled(session)
    assert process_health(session).last_reason == "Ended by SIGKILL."


def test_when_the_interval_has_passed_the_counter_is_0(
    sessions: sessionmaker[Session], session: Session
) -> None:
    crash(sessions)
    assert process_health(session, NOW + timedelta(seconds=60)).crashes == 1
    assert process_health(session, NOW + timedelta(seconds=61)).crashes == 0


def test_crashes_further_apart_than_the_interval_never_disable_it(
    sessions: sessionmaker[Session], limit: Callable[[int], None]
) -> None:
    limit(1)
    assert not any(crash(sessions, NOW + number * timedelta(seconds=61)) for number in range(5))


def test_it_stays_disabled_when_the_interval_has_passed(
    sessions: sessionmaker[Session], session: Session, limit: Callable[[int], None]
) -> None:
    limit(0)
    crash(sessions)
    health = process_health(session, NOW + timedelta(days=1))
    assert health.disabled_at is not None
    assert health.crashes == 1


def test_enabling_lets_what_waits_go_on_and_begins_at_0(
    sessions: sessionmaker[Session], limit: Callable[[int], None], make: Factory
) -> None:
    limit(0)
    crash(sessions)
    later = utc_now() + timedelta(hours=1)
    waiting = make.document(make.instance(), tagging_reason_code=PROCESS_DISABLED, tagging_not_before=later)
    other = make.document(make.instance(), tagging_reason_code="else", tagging_not_before=later)
    with sessions() as session, unit_of_work(session) as work:
        enable_process(work)
    with sessions() as session:
        assert not is_process_disabled(session)
        assert process_health(session).crashes == 0
        assert session.get_one(Document, waiting.id).tagging_not_before is None
        assert session.get_one(Document, other.id).tagging_not_before == later
        assert session.get_one(Document, waiting.id).tagging_state is TaggingState.QUEUED
