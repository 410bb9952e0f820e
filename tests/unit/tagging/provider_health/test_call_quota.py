"""Calls counted by instance, provider and day; a month's limit."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.models.base import utc_now
from autotag.tagging.provider_health.call_quota import next_month, reserve_call, usage
from tests.unit.conftest import Factory


def test_calls_are_counted_for_each_instance_and_provider(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme, globex = make.instance(), make.instance()
    for instance, provider in ((acme, "google"), (acme, "google"), (acme, "microsoft"), (globex, "google")):
        assert reserve_call(sessions, instance.id, provider, 0) is None
    counted = usage(session, acme.id, "google", 0)
    assert (counted.today, counted.month) == (2, 2)
    assert usage(session, globex.id, "google", 0).month == 1


def test_beyond_the_months_limit_no_call_is_made_nor_counted(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme = make.instance()
    answers = [reserve_call(sessions, acme.id, "google", 2) for _ in range(3)]
    assert answers == [None, None, next_month(utc_now().date())]
    assert usage(session, acme.id, "google", 2).month == 2


def test_last_months_calls_are_not_this_months(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme = make.instance()
    reserve_call(sessions, acme.id, "google", 0)
    assert usage(session, acme.id, "google", 0, next_month(utc_now().date()).date()).month == 0


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2026, 1, 31), (2026, 2)), (date(2026, 12, 1), (2027, 1)), (date(2028, 2, 29), (2028, 3))],
)
def test_the_next_month_begins_at_its_first_moment(day: date, expected: tuple[int, int]) -> None:
    assert next_month(day) == datetime(*expected, 1, tzinfo=UTC)
