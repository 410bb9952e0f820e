"""What a document waits for ends while a worker has the document in hand."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, ProcessState, TaggingState, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import ProviderMisconfigured, ProviderUnavailable
from autotag.tagging.pipeline.claims import Claim, claim
from autotag.tagging.pipeline.ended_waits import end_waits
from autotag.tagging.pipeline.finish_claims import close_claims
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.pipeline.record_outcome import record
from autotag.tagging.provider_health.circuit_breaker import (
    note_success,
    note_trouble,
    pause,
    resume,
    waiting_code,
)
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED, enable_process, record_crash
from tests.unit.conftest import Factory

GOOGLE = "google"
LATER = utc_now() + timedelta(hours=1)


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def held(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance) -> Claim:
    document = make.document(acme)
    taken = claim(sessions, acme.id, document.id, "worker-1")
    assert taken is not None
    return taken


def waits(code: str, trouble: str) -> Outcome:
    return Outcome(TaggingState.QUEUED, code, "It waits.", not_before=LATER, trouble=trouble, counted=False)


FOR_PROCESS = waits(PROCESS_DISABLED, PROCESS_DISABLED)
FOR_GOOGLE = waits(waiting_code(GOOGLE), GOOGLE)


def not_before(sessions: sessionmaker[Session], held: Claim) -> datetime | None:
    with sessions() as session:
        document = session.get(Document, held.document_id)
        assert document is not None
        assert document.tagging_state is TaggingState.QUEUED
        return document.tagging_not_before


def disable(sessions: sessionmaker[Session]) -> None:
    record_crash(sessions, "Killed by signal 9.")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(ProcessState).values(disabled_at=utc_now()))


def enable(sessions: sessionmaker[Session]) -> None:
    with sessions() as session, unit_of_work(session) as work:
        enable_process(work)


def test_while_the_process_is_disabled_the_document_rests(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    disable(sessions)
    record(sessions, held, FOR_PROCESS, "worker-1")
    assert not_before(sessions, held) == LATER


def test_a_process_that_is_enabled_meanwhile_is_not_waited_for(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    disable(sessions)
    enable(sessions)
    record(sessions, held, FOR_PROCESS, "worker-1")
    assert not_before(sessions, held) is None


def test_while_a_provider_is_paused_the_document_rests(
    sessions: sessionmaker[Session], acme: VirtualInstance, held: Claim
) -> None:
    pause(sessions, acme.id, GOOGLE, ProviderMisconfigured("key_refused", "The key is refused."))
    record(sessions, held, FOR_GOOGLE, "worker-1")
    assert not_before(sessions, held) == LATER


def test_a_provider_that_is_resumed_meanwhile_is_not_waited_for(
    sessions: sessionmaker[Session], acme: VirtualInstance, held: Claim
) -> None:
    pause(sessions, acme.id, GOOGLE, ProviderMisconfigured("key_refused", "The key is refused."))
    with sessions() as session, unit_of_work(session) as work:
        resume(work, GOOGLE, acme.id)
    record(sessions, held, FOR_GOOGLE, "worker-1")
    assert not_before(sessions, held) is None


def test_a_provider_that_answered_another_worker_meanwhile_is_not_waited_for(
    sessions: sessionmaker[Session], acme: VirtualInstance, held: Claim
) -> None:
    note_trouble(sessions, acme.id, GOOGLE, ProviderUnavailable("server_error", "It is down."))
    note_success(sessions, acme.id, GOOGLE)
    record(sessions, held, FOR_GOOGLE, "worker-1")
    assert not_before(sessions, held) is None


def test_the_trouble_of_another_instance_or_provider_is_not_waited_for(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, held: Claim
) -> None:
    error = ProviderMisconfigured("key_refused", "The key is refused.")
    pause(sessions, make.instance("globex").id, GOOGLE, error)
    pause(sessions, acme.id, "microsoft", error)
    disable(sessions)
    record(sessions, held, FOR_GOOGLE, "worker-1")
    assert not_before(sessions, held) is None


def test_a_limit_is_waited_for_though_there_is_no_trouble(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    record(sessions, held, waits(waiting_code(GOOGLE), ""), "worker-1")
    assert not_before(sessions, held) == LATER


def test_whoever_enables_while_it_is_being_written_lets_it_go_on(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    disable(sessions)
    enabling = threading.Thread(target=enable, args=(sessions,))
    with sessions() as session, unit_of_work(session) as work:
        close_claims(work.session, end_waits(work.session, [(held, FOR_PROCESS)]), utc_now())
        enabling.start()
        enabling.join(0.3)
        assert enabling.is_alive(), "it did not wait for the document"
    enabling.join(20)
    assert not_before(sessions, held) is None
