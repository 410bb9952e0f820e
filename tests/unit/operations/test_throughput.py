"""Images a minute and an hour, and how long one takes, from real attempts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import TaggingAttempt, TaggingState, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from autotag.operations.throughput import ThroughputMeter, percentile
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

NOW = datetime(2026, 5, 3, 14, 5, 30, tzinfo=UTC)
Attempt = Callable[..., None]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def attempt(make: Factory, sessions: sessionmaker[Session]) -> Attempt:
    """Notes an attempt that ended so long before NOW."""

    def attempt(
        instance: VirtualInstance,
        ago: timedelta,
        state: TaggingState = TaggingState.TAGGED,
        seconds: float = 1.0,
    ) -> None:
        document = make.document(instance)
        with sessions() as session, unit_of_work(session) as work:
            work.session.add(
                TaggingAttempt(
                    instance_id=instance.id,
                    document_id=document.id,
                    number=1,
                    state=state,
                    seconds=seconds,
                    finished_at=NOW - ago,
                )
            )

    return attempt


def test_without_attempts_there_is_nothing_to_plot(session: Session, acme: VirtualInstance) -> None:
    read = ThroughputMeter().read(session, acme.id, NOW)
    assert (len(read.minutes), len(read.hours)) == (60, 24)
    assert (read.last_hour, read.last_day, read.sampled) == (0, 0, 0)
    assert (read.median_seconds, read.slow_seconds) == (None, None)


def test_images_stand_in_their_minute_and_hour(
    session: Session, acme: VirtualInstance, attempt: Attempt
) -> None:
    for ago in (0, 20, 40, 3600):
        attempt(acme, timedelta(seconds=ago))
    attempt(acme, timedelta(hours=30))
    read = ThroughputMeter().read(session, acme.id, NOW)
    assert [bar.images for bar in read.minutes[-2:]] == [1, 2]
    assert read.minutes[-1].start == NOW.replace(second=0)
    assert [bar.images for bar in read.hours[-2:]] == [1, 3]
    assert (read.last_hour, read.last_day) == (3, 4)


def test_only_what_was_answered_counts(session: Session, acme: VirtualInstance, attempt: Attempt) -> None:
    for state in TaggingState:
        attempt(acme, timedelta(seconds=1), state)
    assert ThroughputMeter().read(session, acme.id, NOW).last_hour == 2


def test_each_instance_has_its_own_and_all_have_the_sum(
    session: Session, make: Factory, acme: VirtualInstance, attempt: Attempt
) -> None:
    attempt(acme, timedelta(seconds=1), seconds=1)
    attempt(make.instance("globex"), timedelta(seconds=1), seconds=9)
    meter = ThroughputMeter()
    own, everything = meter.read(session, acme.id, NOW), meter.read(session, None, NOW)
    assert (own.last_day, everything.last_day) == (1, 2)
    assert (own.slow_seconds, everything.slow_seconds) == (1, 9)


def test_hours_that_are_over_are_counted_once(
    session: Session, engine: Engine, acme: VirtualInstance, attempt: Attempt
) -> None:
    attempt(acme, timedelta(hours=2))
    meter = ThroughputMeter()
    first = meter.read(session, acme.id, NOW)
    with counted_statements(engine) as statements:
        again = meter.read(session, acme.id, NOW)
    assert again == first
    assert max(statement.count("finished_at <") for statement in statements) == 1


def test_an_hour_that_has_just_ended_is_not_settled(
    session: Session, acme: VirtualInstance, attempt: Attempt
) -> None:
    just_after = NOW.replace(minute=0, second=30)
    meter = ThroughputMeter()
    assert meter.read(session, acme.id, just_after).last_day == 0
    session.rollback()
    attempt(acme, timedelta(minutes=6))
    assert meter.read(session, acme.id, NOW).last_day == 1


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([1], 0.5, 1),
        ([1, 2, 3], 0.5, 2),
        ([1, 2, 3, 4], 0.5, 2),
        (list(range(1, 101)), 0.95, 95),
    ],
)
def test_a_percentile_is_a_value_that_was_seen(
    values: list[float], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected
