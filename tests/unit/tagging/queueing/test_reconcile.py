import json
import zlib
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, RunScope, RunState, TaggingRun, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import claim
from autotag.tagging.queueing.queue import ENOUGH_JOBS, TaggingQueue
from autotag.tagging.queueing.reconcile import BATCH, FEW, FILL, OVERDUE, reconcile
from tests.unit.conftest import Factory

FIRST = "tagging-first"


def handed_out(broker: Redis, queue: str = "tagging") -> list[tuple[int, list[int]]]:
    """The instance and the documents of each job in a queue, in its order."""
    arguments = []
    for job_id in broker.lrange(f"rq:queue:{queue}", 0, -1):
        data = json.loads(zlib.decompress(broker.hget(b"rq:job:" + job_id, "data")))
        arguments.append((data[2][0], data[2][1]))
    return arguments


@pytest.mark.parametrize(
    ("age", "again"),
    [
        (None, True),
        (timedelta(seconds=1), False),
        (OVERDUE - timedelta(seconds=5), False),
        (OVERDUE + timedelta(seconds=1), True),
        (-timedelta(minutes=1), False),
        (-timedelta(hours=1), True),
    ],
    ids=["never handed out", "just now", "not yet overdue", "overdue", "another's clock", "a clock set back"],
)
def test_what_was_lost_on_the_way_is_handed_out_when_it_is_overdue(
    sessions: sessionmaker[Session],
    queue: TaggingQueue,
    broker: Redis,
    make: Factory,
    age: timedelta | None,
    again: bool,
) -> None:
    document = make.document(make.instance(), tagging_enqueued_at=age and utc_now() - age)
    assert reconcile(sessions, queue) == int(again)
    assert handed_out(broker, FIRST) == ([(document.instance_id, [document.id])] if again else [])


def test_what_was_handed_out_is_not_handed_out_again_at_once(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    make.document(make.instance())
    assert [reconcile(sessions, queue), reconcile(sessions, queue)] == [1, 0]
    assert len(handed_out(broker, FIRST)) == 1


@pytest.mark.parametrize(
    "values",
    [
        *({"tagging_state": state} for state in TaggingState if state is not TaggingState.QUEUED),
        {"deleted_at": utc_now()},
        {"tagging_not_before": utc_now() + timedelta(days=1)},
    ],
    ids=lambda values: str(values.get("tagging_state", next(iter(values)))),
)
def test_what_does_not_wait_is_not_handed_out(
    sessions: sessionmaker[Session], queue: TaggingQueue, make: Factory, values: dict[str, object]
) -> None:
    make.document(make.instance(), **values)
    assert reconcile(sessions, queue) == 0


def test_what_was_held_back_is_handed_out_when_its_time_has_come(
    sessions: sessionmaker[Session], queue: TaggingQueue, make: Factory
) -> None:
    make.document(make.instance(), tagging_not_before=utc_now() - timedelta(seconds=1))
    assert reconcile(sessions, queue) == 1


def test_a_job_is_for_one_instance_and_not_too_many_documents(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    first, second = make.instance(), make.instance()
    ones = [make.document(first).id for _ in range(2 * BATCH + 2)]
    others = [make.document(second).id for _ in range(BATCH)]
    assert reconcile(sessions, queue) == 3 * BATCH + 2
    assert handed_out(broker) == [
        (first.id, ones[:BATCH]),
        (second.id, others),
        (first.id, ones[BATCH : 2 * BATCH]),
        (first.id, ones[2 * BATCH :]),
    ]


@pytest.mark.parametrize(("number", "queue_name"), [(FEW, FIRST), (FEW + 1, "tagging")])
def test_a_few_documents_go_before_the_backlog(
    sessions: sessionmaker[Session],
    queue: TaggingQueue,
    broker: Redis,
    make: Factory,
    number: int,
    queue_name: str,
) -> None:
    for _ in range(FILL):
        queue.enqueue(1, [999])
    instance = make.instance()
    ids = [make.document(instance).id for _ in range(number)]
    reconcile(sessions, queue)
    assert ((instance.id, ids) in handed_out(broker, FIRST)) == (queue_name == FIRST)
    assert len(handed_out(broker)) == FILL


def test_an_instance_that_has_its_places_taken_joins_the_backlog(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    instance = make.instance()
    for _ in range(ENOUGH_JOBS):
        queue.enqueue(instance.id, [999], first=True)
    document = make.document(instance)
    assert reconcile(sessions, queue) == 1
    assert handed_out(broker) == [(instance.id, [document.id])]


def test_no_backlog_starves_another(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    instances = [make.instance() for _ in range(3)]
    for instance in instances:
        for _ in range(3 * BATCH):
            make.document(instance)
    served = []
    for _ in range(9):
        broker.delete("rq:queue:tagging")
        for _ in range(FILL - 1):
            queue.enqueue(99, [999])
        assert reconcile(sessions, queue) == BATCH
        served.append(handed_out(broker)[-1][0])
    assert served == [instance.id for instance in instances] * 3


def test_with_an_instance_only_its_documents_are_handed_out(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    mine, other = make.document(make.instance()), make.document(make.instance())
    assert reconcile(sessions, queue, instance_id=mine.instance_id) == 1
    assert handed_out(broker, FIRST) == [(mine.instance_id, [mine.id])]
    assert other.instance_id != mine.instance_id


def test_a_full_queue_is_left_alone(
    sessions: sessionmaker[Session], queue: TaggingQueue, make: Factory
) -> None:
    for _ in range(FILL):
        queue.enqueue(1, [999])
    instance = make.instance()
    for _ in range(FEW + 1):
        make.document(instance)
    assert reconcile(sessions, queue) == 0
    assert queue.waiting() == FILL


def test_a_queue_with_little_room_takes_the_oldest(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    for _ in range(FILL - 1):
        queue.enqueue(1, [999])
    instance = make.instance()
    ids = [make.document(instance).id for _ in range(BATCH + 1)]
    assert reconcile(sessions, queue) == BATCH
    assert handed_out(broker)[-1] == (instance.id, ids[:BATCH])


def test_without_a_broker_nothing_is_handed_out_or_marked(
    sessions: sessionmaker[Session], no_broker: TaggingQueue, make: Factory
) -> None:
    make.document(make.instance())
    assert reconcile(sessions, no_broker) == 0
    with sessions() as session:
        assert session.scalars(select(Document.tagging_enqueued_at)).one() is None


def test_when_the_broker_is_back_the_waiting_are_handed_out(
    sessions: sessionmaker[Session], queue: TaggingQueue, no_broker: TaggingQueue, make: Factory
) -> None:
    make.document(make.instance())
    assert [reconcile(sessions, no_broker), reconcile(sessions, queue)] == [0, 1]


@pytest.mark.parametrize("away", [True, False])
def test_work_whose_worker_died_is_taken_back(
    sessions: sessionmaker[Session],
    queue: TaggingQueue,
    no_broker: TaggingQueue,
    make: Factory,
    monkeypatch: pytest.MonkeyPatch,
    away: bool,
) -> None:
    from autotag.tagging.pipeline import claims

    document = make.document(make.instance())
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=-1))
    assert claim(sessions, document.instance_id, document.id, "worker-1") is not None
    assert reconcile(sessions, no_broker if away else queue) == (0 if away else 1)
    with sessions() as session:
        assert session.get_one(Document, document.id).tagging_state is TaggingState.QUEUED


def test_uploads_are_handed_out_before_what_runs_asked_for(
    sessions: sessionmaker[Session], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    acme = make.instance()
    with sessions() as session, unit_of_work(session) as work:
        run = TaggingRun(instance_id=acme.id, scope=RunScope.ALL, state=RunState.RUNNING)
        work.session.add(run)
    for _ in range(BATCH * FILL):
        make.document(acme, tagging_run_id=run.id)
    uploads = [make.document(acme).id for _ in range(BATCH)]
    assert reconcile(sessions, queue) == BATCH * FILL
    handed = [one for _, ids in handed_out(broker) for one in ids]
    assert set(uploads) <= set(handed)
    assert len(handed) == len(set(handed)) == BATCH * FILL
