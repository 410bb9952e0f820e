"""Documents in the hands of a worker whose machine is off, with a real broker that keeps the signs of life."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState, VirtualInstance
from autotag.tagging.pipeline.claims import claim
from autotag.tagging.queueing import dead_workers
from autotag.tagging.queueing.dead_workers import EVERY_SECONDS, MISSING_SECONDS, DeadWorkers
from autotag.tagging.queueing.heartbeats import Heartbeat, Part, living
from tests.conftest import wait_for
from tests.unit.conftest import Factory


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    monkeypatch.setattr(dead_workers, "time", Clock)

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    return pass_time


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


def held_by(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, worker: str) -> int:
    document = make.document(acme, tagging_state=TaggingState.QUEUED)
    assert claim(sessions, acme.id, document.id, worker)
    return document.id


def state(sessions: sessionmaker[Session], document_id: int) -> TaggingState:
    with sessions() as session:
        return session.get_one(Document, document_id).tagging_state


def test_what_a_silent_worker_had_in_hand_is_taken_back_after_a_while(
    sessions: sessionmaker[Session],
    broker: Redis,
    make: Factory,
    acme: VirtualInstance,
    pass_time: Callable[[float], None],
) -> None:
    alive = Heartbeat(broker, Part.WORKER, "host.worker-1.ab12")
    alive.start()
    wait_for(lambda: living(broker), "the first sign")
    dead, kept = (held_by(sessions, make, acme, f"host.worker-{number}") for number in (2, 1))
    look = DeadWorkers(sessions, broker)
    assert look.step() == 0
    pass_time(MISSING_SECONDS - 1)
    assert look.step() == 0
    pass_time(EVERY_SECONDS)
    assert look.step() == 1
    assert (state(sessions, dead), state(sessions, kept)) == (TaggingState.QUEUED, TaggingState.RUNNING)
    alive.stop()


def test_it_looks_now_and_then(
    sessions: sessionmaker[Session],
    broker: Redis,
    monkeypatch: pytest.MonkeyPatch,
    pass_time: Callable[[float], None],
) -> None:
    asked = []
    monkeypatch.setattr(dead_workers, "living", lambda connection: asked.append(connection) or [])
    look = DeadWorkers(sessions, broker)
    for _ in range(10):
        look.step()
        pass_time(1)
    assert len(asked) == 2


def test_a_worker_that_is_back_in_time_keeps_what_it_has(
    sessions: sessionmaker[Session],
    broker: Redis,
    make: Factory,
    acme: VirtualInstance,
    pass_time: Callable[[float], None],
) -> None:
    document_id = held_by(sessions, make, acme, "host.worker-1")
    look = DeadWorkers(sessions, broker)
    look.step()
    pass_time(MISSING_SECONDS - 1)
    back = Heartbeat(broker, Part.WORKER, "host.worker-1.ab12")
    back.start()
    wait_for(lambda: living(broker), "the first sign")
    look.step()
    back.stop()
    pass_time(EVERY_SECONDS)
    assert look.step() == 0
    assert state(sessions, document_id) == TaggingState.RUNNING


def test_while_the_broker_is_away_nobody_counts_as_dead(
    sessions: sessionmaker[Session],
    broker: Redis,
    make: Factory,
    acme: VirtualInstance,
    pass_time: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held_by(sessions, make, acme, "host.worker-1")
    look = DeadWorkers(sessions, broker)
    look.step()
    away = Redis(unix_socket_path="/nowhere/broker.sock")
    monkeypatch.setattr(look, "_connection", away)
    pass_time(MISSING_SECONDS * 2)
    assert look.step() == 0
    monkeypatch.setattr(look, "_connection", broker)
    pass_time(EVERY_SECONDS)
    assert look.step() == 0
    pass_time(MISSING_SECONDS)
    assert look.step() == 1
