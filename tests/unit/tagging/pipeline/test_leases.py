"""Leases are renewed while a worker works, and end when something hangs."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from autotag.inference.process.process import InferenceProcess
from autotag.models import Document, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.outbound_http.client import DEFAULT_LIMITS
from autotag.providers.registry import BUILDERS
from autotag.tagging.pipeline import leases as leases_module
from autotag.tagging.pipeline.claims import LEASE, Claim, claim_many
from autotag.tagging.pipeline.leases import LONGEST_EXAMINATION_SECONDS, RENEW_SECONDS, Leases
from autotag.tagging.pipeline.release_claims import release_expired_claims
from tests.unit.conftest import Factory


@pytest.fixture
def claims(sessions: sessionmaker[Session], make: Factory) -> list[Claim]:
    """Three documents in the hand of a worker, whose leases are about to run out."""
    acme = make.instance()
    found = claim_many(sessions, acme.id, [make.document(acme).id for _ in range(3)], "worker-1")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).values(tagging_lease_until=utc_now() + timedelta(seconds=5)))
    return found


@pytest.fixture
def leases(sessions: sessionmaker[Session]) -> Leases:
    return Leases(sessions)


def look(sessions: sessionmaker[Session]) -> list[Document]:
    with sessions() as session:
        return list(session.scalars(select(Document).order_by(Document.id)))


def ends(sessions: sessionmaker[Session]) -> list[datetime]:
    return [found.tagging_lease_until for found in look(sessions) if found.tagging_lease_until is not None]


def test_what_is_in_hand_is_renewed_and_what_is_done_is_not(
    sessions: sessionmaker[Session], leases: Leases, claims: list[Claim]
) -> None:
    leases.take(claims)
    assert leases.begin(claims[0])
    leases.end([claims[2]])
    leases.tick()
    *renewed, left = ends(sessions)
    soon = utc_now() + timedelta(seconds=30)
    assert all(soon < end <= utc_now() + LEASE for end in renewed)
    assert left < soon


def test_a_thread_renews_them(
    sessions: sessionmaker[Session],
    leases: Leases,
    claims: list[Claim],
    monkeypatch: pytest.MonkeyPatch,
    waiter: Callable[[Callable[[], object], str], None],
) -> None:
    monkeypatch.setattr(leases_module, "RENEW_SECONDS", 0.05)
    leases.take(claims)
    soon = utc_now() + timedelta(seconds=30)
    waiter(lambda: min(ends(sessions)) > soon, "a renewal")
    leases.end(claims)
    waiter(lambda: leases._thread is None, "the end of the thread")


def test_a_claim_of_somebody_else_is_not_renewed(
    sessions: sessionmaker[Session], leases: Leases, claims: list[Claim]
) -> None:
    leases.take(claims)
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).values(tagging_claim="worker-2/other"))
    before = ends(sessions)
    leases.tick()
    leases.give_back_rest()
    assert ends(sessions) == before


def test_what_is_given_back_waits_as_if_it_had_not_been_claimed(
    sessions: sessionmaker[Session], leases: Leases, claims: list[Claim]
) -> None:
    leases.take(claims)
    leases.end([claims[0]])
    leases.give_back_rest()
    first, *rest = look(sessions)
    assert (first.tagging_state, first.tagging_attempts) == (TaggingState.RUNNING, 1)
    for found in rest:
        assert (found.tagging_state, found.tagging_attempts) == (TaggingState.QUEUED, 0)
        assert (found.tagging_claim, found.tagging_lease_until, found.tagging_enqueued_at) == (
            None,
            None,
            None,
        )
        assert (found.tagging_crashes, found.tagging_worker_deaths) == (0, 0)
    assert not leases.begin(claims[1])


def test_what_cannot_be_given_back_now_is_later(
    sessions: sessionmaker[Session], leases: Leases, claims: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OperationalError("UPDATE", {}, Exception("away"))

    leases.take(claims)
    with monkeypatch.context() as patch:
        patch.setattr(leases_module, "give_back", fail)
        leases.give_back_rest()
        leases.tick()
    assert {found.tagging_state for found in look(sessions)} == {TaggingState.RUNNING}
    leases.tick()
    assert {found.tagging_state for found in look(sessions)} == {TaggingState.QUEUED}


def test_a_database_that_is_away_ends_no_thread(
    leases: Leases, claims: list[Claim], monkeypatch: pytest.MonkeyPatch, sessions: sessionmaker[Session]
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("away"))

    leases.take(claims)
    with monkeypatch.context() as patch:
        patch.setattr(leases_module, "renew_leases", fail)
        leases.tick()
    leases.tick()
    assert min(ends(sessions)) > utc_now() + timedelta(seconds=30)


def test_one_that_hangs_is_renewed_no_more_and_the_others_are_given_back(
    sessions: sessionmaker[Session], claims: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck: list[None] = []
    leases = Leases(sessions, on_stuck=lambda: stuck.append(None))
    leases.take(claims)
    leases.begin(claims[0])
    later = time.monotonic() + LONGEST_EXAMINATION_SECONDS + 1
    monkeypatch.setattr(leases_module.time, "monotonic", lambda: later)
    leases.tick()
    assert stuck == [None]
    first, *rest = look(sessions)
    assert {(found.tagging_state, found.tagging_attempts) for found in rest} == {(TaggingState.QUEUED, 0)}
    assert not leases.begin(claims[1])
    assert first.tagging_state is TaggingState.RUNNING
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(Document)
            .where(Document.id == first.id)
            .values(tagging_lease_until=utc_now() - timedelta(seconds=1))
        )
    leases.tick()
    assert release_expired_claims(sessions) == 1
    assert look(sessions)[0].tagging_reason_code == "worker_overdue"


def test_the_longest_examination_allows_for_all_time_outs_together() -> None:
    """Of the providers that come with Autotag: those that are services wait for the decoder, and for an answer."""
    process = InferenceProcess()
    decode = process._start_seconds + process._seconds_per_image
    services = len(BUILDERS) - 1
    one = decode + decode + services * (decode + DEFAULT_LIMITS.total_seconds)
    assert 2 * one <= LONGEST_EXAMINATION_SECONDS
    assert LEASE.total_seconds() > 5 * RENEW_SECONDS
