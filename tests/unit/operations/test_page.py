"""The whole, gathered in a number of statements that does not grow with what there is."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import BulkAction, ProcessState, RunScope, RunState, TaggingRun, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.operations import page as operations
from autotag.operations.page import OperationsRoom
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED
from autotag.tagging.queueing.queue import TaggingQueue
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

FAILED, QUEUED, RUNNING = TaggingState.FAILED, TaggingState.QUEUED, TaggingState.RUNNING


def test_an_installation_in_which_nothing_happened_yet_is_at_rest(
    session: Session, make: Factory, queue: TaggingQueue
) -> None:
    acme = make.instance("acme")
    found = OperationsRoom(queue).look(session, acme.id)
    assert [found.count(state) for state in TaggingState] == [0] * len(TaggingState)
    assert (found.is_moving, found.oldest_queued_since, found.groups_in(FAILED)) == (False, None, [])
    assert found.process.disabled_at is None
    assert found.crew.is_reachable


def test_without_a_broker_the_rest_is_told(session: Session, make: Factory, no_broker: TaggingQueue) -> None:
    acme = make.instance("acme")
    make.document(acme, tagging_state=RUNNING, tagging_claim="host.worker-1/ab")
    found = OperationsRoom(no_broker).look(session, acme.id)
    assert not found.crew.is_reachable
    assert found.count("running") == 1
    assert [hand.worker for hand in found.hands] == ["host.worker-1"]


def test_counts_are_those_of_what_was_asked_for(session: Session, make: Factory, queue: TaggingQueue) -> None:
    acme, globex = make.instance("acme"), make.instance("globex")
    for instance in (acme, globex, globex):
        make.document(instance, tagging_state=FAILED, tagging_reason_code="bad")
    room = OperationsRoom(queue)
    everything = room.look(session, None)
    assert (everything.count("failed"), everything.count("failed", globex.id)) == (3, 2)
    assert set(everything.instances) == {acme.id, globex.id}
    own = room.look(session, acme.id)
    assert own.count(FAILED) == 1
    assert set(own.instances) == {acme.id}
    assert own.storage.report.total.documents == 1


def test_the_oldest_that_waits_for_a_worker_is_told(
    session: Session, make: Factory, queue: TaggingQueue
) -> None:
    acme = make.instance("acme")
    then = utc_now() - timedelta(minutes=7)
    make.document(acme, tagging_updated_at=then - timedelta(days=1), tagging_reason_code=PROCESS_DISABLED)
    room = OperationsRoom(queue)
    resting = room.look(session, acme.id)
    assert (resting.oldest_queued_since, resting.is_moving) == (None, False)
    session.rollback()
    make.document(acme, tagging_updated_at=then)
    waiting = room.look(session, acme.id)
    assert (waiting.oldest_queued_since, waiting.is_moving) == (then, True)


@pytest.mark.parametrize(
    ("row", "moves"),
    [
        (lambda key: TaggingRun(instance_id=key, scope=RunScope.ALL), True),
        (lambda key: TaggingRun(instance_id=key, scope=RunScope.ALL, state=RunState.PAUSED), False),
        (lambda key: BulkAction(instance_id=key, kind="move", selection={}, parameters={}), True),
        (lambda _key: ProcessState(id=1, crashes=1, last_crash_at=utc_now()), False),
    ],
    ids=["run", "paused run", "bulk action", "crash"],
)
def test_what_is_under_way_makes_it_worth_while_to_look_again(
    session: Session,
    sessions: sessionmaker[Session],
    make: Factory,
    queue: TaggingQueue,
    row: object,
    moves: bool,
) -> None:
    acme = make.instance("acme")
    with sessions() as opened, unit_of_work(opened) as work:
        work.session.add(row(acme.id))  # type: ignore[operator]
    assert OperationsRoom(queue).look(session, acme.id).is_moving is moves


@pytest.mark.parametrize(
    ("seconds", "part", "is_kept"),
    [
        pytest.param(60.0, 1e9, True, id="within the minute"),
        pytest.param(0.0, 1e9, False, id="after it"),
        pytest.param(0.0, 1e-9, True, id="after it, when counting took long"),
    ],
)
def test_a_count_of_the_files_is_good_for_a_while(
    session: Session,
    make: Factory,
    queue: TaggingQueue,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    part: float,
    is_kept: bool,
) -> None:
    monkeypatch.setattr(operations, "STORAGE_SECONDS", seconds)
    monkeypatch.setattr(operations, "STORAGE_PART", part)
    acme = make.instance("acme")
    room = OperationsRoom(queue)
    first = room.look(session, acme.id).storage
    assert first.report.total.documents == 0
    session.rollback()
    make.document(acme)
    second = room.look(session, acme.id).storage
    assert (second == first) is is_kept
    assert second.report.total.documents == (0 if is_kept else 1)


@pytest.mark.parametrize("everywhere", [False, True], ids=["one", "all"])
def test_the_number_of_statements_does_not_grow(
    session: Session, engine: Engine, make: Factory, queue: TaggingQueue, everywhere: bool
) -> None:
    acme = make.instance("acme")
    wanted = None if everywhere else acme.id
    for state in (FAILED, QUEUED, RUNNING):
        make.document(acme, tagging_state=state)

    def statements() -> int:
        session.rollback()
        with counted_statements(engine) as sent:
            OperationsRoom(queue).look(session, wanted)
        return len(sent)

    few = statements()
    for number in range(30):
        instance = make.instance() if everywhere else acme
        for state in (FAILED, QUEUED, RUNNING):
            make.document(instance, tagging_state=state, tagging_reason_code=f"reason {number % 10}")
    assert statements() == few <= 25
