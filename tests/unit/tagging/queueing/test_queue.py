import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.models import Document, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.queueing.queue import ENOUGH_JOBS, MANY_JOBS, TAG_DOCUMENTS, TaggingQueue, connect
from tests.unit.conftest import Factory


def jobs(broker: Redis, queue: str = "tagging") -> list[list[object]]:
    """What lies in a queue, read without RQ: function, instance, arguments, keyword arguments."""
    found = []
    for job_id in broker.lrange(f"rq:queue:{queue}", 0, -1):
        data = broker.hget(b"rq:job:" + job_id, "data")
        found.append(json.loads(zlib.decompress(data)))
    return found


@pytest.fixture
def hand_over(
    sessions: sessionmaker[Session], make: Factory
) -> Callable[[TaggingQueue, type[Exception] | None], Document]:
    """Writes a document and hands it to a queue, or fails before the commit."""

    def hand_over(
        queue: TaggingQueue,
        failure: type[Exception] | None = None,
        instance: VirtualInstance | None = None,
    ) -> Document:
        document = make.document(instance or make.instance(), tagging_enqueued_at=utc_now())
        with sessions() as session, unit_of_work(session) as work:
            queue.enqueue_after_commit(work, work.session.get_one(Document, document.id))
            if failure is not None:
                raise failure
        return document

    return hand_over


def test_a_job_is_json_and_holds_numbers_only(queue: TaggingQueue, broker: Redis) -> None:
    assert queue.enqueue(7, (1, 2, 3))
    assert jobs(broker) == [[TAG_DOCUMENTS, None, [7, [1, 2, 3]], {}]]


def test_a_job_is_kept_for_a_failure_and_not_for_a_success(queue: TaggingQueue, broker: Redis) -> None:
    queue.enqueue(7, [1])
    (key,) = broker.keys("rq:job:*")
    stored = broker.hgetall(key)
    assert stored[b"result_ttl"] == b"0"
    assert int(stored[b"failure_ttl"]) == 7 * 24 * 60 * 60
    assert int(stored[b"timeout"]) == 30 * 60


def test_waiting_jobs_are_counted(queue: TaggingQueue) -> None:
    assert queue.waiting() == 0
    queue.enqueue(1, [1])
    queue.enqueue(1, [2, 3])
    assert queue.waiting() == 2


def test_a_document_is_handed_over_once_its_row_is_committed(
    sessions: sessionmaker[Session], make: Factory, queue: TaggingQueue, broker: Redis
) -> None:
    document = make.document(make.instance())
    with sessions() as session, unit_of_work(session) as work:
        queue.enqueue_after_commit(work, document)
        assert jobs(broker, "tagging-first") == []
    assert jobs(broker, "tagging-first") == [[TAG_DOCUMENTS, None, [document.instance_id, [document.id]], {}]]
    assert jobs(broker) == []


def test_a_transaction_that_fails_leaves_the_queue_empty(
    hand_over: Callable[..., Document], queue: TaggingQueue, broker: Redis
) -> None:
    with pytest.raises(RuntimeError):
        hand_over(queue, RuntimeError)
    assert jobs(broker) == []


def test_a_broker_that_is_away_is_told_quickly(no_broker: TaggingQueue) -> None:
    began = time.monotonic()
    assert not no_broker.enqueue(1, [1])
    assert time.monotonic() - began < 10


def test_a_broker_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    import socket
    import tempfile

    with tempfile.TemporaryDirectory(prefix="at-") as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{folder}/silent.sock")
        silent.listen()
        with connect(f"unix://{folder}/silent.sock", timeout=0.1) as client:
            began = time.monotonic()
            assert not TaggingQueue(client).enqueue(1, [1])
            assert time.monotonic() - began < 10


def test_without_a_broker_a_document_is_left_to_be_handed_out_later(
    hand_over: Callable[..., Document], no_broker: TaggingQueue, sessions: sessionmaker[Session]
) -> None:
    document = hand_over(no_broker)
    with sessions() as session:
        assert session.get_one(Document, document.id).tagging_enqueued_at is None


def test_with_a_broker_the_document_keeps_when_it_was_handed_out(
    hand_over: Callable[..., Document], queue: TaggingQueue, sessions: sessionmaker[Session]
) -> None:
    document = hand_over(queue)
    with sessions() as session:
        assert session.get_one(Document, document.id).tagging_enqueued_at == document.tagging_enqueued_at


def test_a_broker_that_goes_and_comes_back_is_noted_once_each(
    broker_socket: Path, broker: Redis, tmp_path: Path
) -> None:
    with connect(f"unix://{broker_socket}") as client:
        queue = TaggingQueue(client)
        there = client.connection_pool.connection_kwargs["path"]
        with capture_logs() as logs:
            client.connection_pool.connection_kwargs["path"] = str(tmp_path / "nobody.sock")
            assert [queue.enqueue(1, [1]) for _ in range(3)] == [False, False, False]
            client.connection_pool.connection_kwargs["path"] = there
            client.connection_pool.reset()
            assert [queue.enqueue(1, [1]) for _ in range(2)] == [True, True]
    assert [entry["event"] for entry in logs] == [
        "broker away, documents wait in the database",
        "broker back",
    ]
    assert len(jobs(broker)) == 2


def test_with_enough_to_do_documents_are_left_to_be_handed_out_together(
    hand_over: Callable[..., Document],
    queue: TaggingQueue,
    sessions: sessionmaker[Session],
    broker: Redis,
    make: Factory,
) -> None:
    instance = make.instance()
    documents = [hand_over(queue, instance=instance) for _ in range(ENOUGH_JOBS + 3)]
    assert queue.waiting() == ENOUGH_JOBS
    with sessions() as session:
        enqueued = [session.get_one(Document, document.id).tagging_enqueued_at for document in documents]
    assert [moment is not None for moment in enqueued] == [True] * ENOUGH_JOBS + [False] * 3
    broker.flushall()
    queue._busy_until = {}
    hand_over(queue, instance=instance)
    assert queue.waiting() == 1


def test_an_instance_that_has_its_places_taken_leaves_those_of_another_free(
    hand_over: Callable[..., Document], queue: TaggingQueue, broker: Redis, make: Factory
) -> None:
    busy, other = make.instance(), make.instance()
    for _ in range(ENOUGH_JOBS + 1):
        hand_over(queue, instance=busy)
    document = hand_over(queue, instance=other)
    assert jobs(broker, "tagging-first")[-1][2] == [other.id, [document.id]]


def test_the_first_queue_has_an_end_for_all_together(queue: TaggingQueue) -> None:
    for instance_id in range(1, MANY_JOBS + 1):
        assert queue.is_open_to(instance_id)
        queue.enqueue(instance_id, [1], first=True)
    assert not queue.is_open_to(MANY_JOBS + 1)


def test_instances_whose_numbers_begin_alike_are_told_apart(queue: TaggingQueue) -> None:
    for _ in range(ENOUGH_JOBS):
        queue.enqueue(12, [1], first=True)
    assert [queue.is_open_to(number) for number in (1, 12, 2)] == [True, False, True]


def test_what_goes_before_the_backlog_is_urgent(queue: TaggingQueue, no_broker: TaggingQueue) -> None:
    queue.enqueue(1, [1])
    assert (queue.is_urgent(), queue.backlog(), queue.waiting()) == (False, 1, 1)
    queue.enqueue(1, [2], first=True)
    assert (queue.is_urgent(), queue.backlog(), queue.waiting()) == (True, 1, 2)
    assert not no_broker.is_urgent()


def test_what_a_job_left_stands_at_the_front_of_the_backlog(queue: TaggingQueue, broker: Redis) -> None:
    queue.enqueue(1, [1])
    queue.enqueue(1, [2], at_front=True)
    assert [job[2] for job in jobs(broker)] == [[1, [2]], [1, [1]]]


def test_a_model_is_installed_before_all_documents(queue: TaggingQueue, broker: Redis) -> None:
    queue.enqueue(1, [1], first=True)
    queue.enqueue_installation("lite")
    assert [job[2] for job in jobs(broker, "tagging-first")] == [["lite"], [1, [1]]]
