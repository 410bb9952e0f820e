"""Keys of another type than the one they are used as, in a real broker."""

from collections.abc import Callable

import pytest
from redis import Redis

from autotag.metrics.counters import SUMS, Ledger, read
from autotag.operations.process_status import look_at_crew
from autotag.tagging import jobs
from autotag.tagging.queueing.broker_keys import expected_types, remove_wrong_types
from autotag.tagging.queueing.heartbeats import Heartbeat, Part, living
from autotag.tagging.queueing.queue import TaggingQueue
from autotag.tagging.queueing.rq_worker import build_worker
from tests.conftest import wait_for

KEYS = dict(expected_types())
MAKERS: dict[str, Callable[[Redis, str], object]] = {
    "set": lambda broker, key: broker.sadd(key, "x"),
    "hash": lambda broker, key: broker.hset(key, "x", "1"),
    "list": lambda broker, key: broker.rpush(key, "x"),
    "zset": lambda broker, key: broker.zadd(key, {"x": 1}),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_type_is_removed_and_one_of_its_own_type_is_left(broker: Redis, key: str) -> None:
    broker.set(key, "a text")
    assert remove_wrong_types(broker) == 1
    assert not broker.exists(key)
    MAKERS[KEYS[key]](broker, key)
    assert remove_wrong_types(broker) == 0
    assert broker.exists(key)


@pytest.mark.usefixtures("signals_of_the_process")
def test_the_list_has_all_keys_that_are_in_use_while_a_job_waits_and_a_worker_lives(
    broker: Redis, queue: TaggingQueue
) -> None:
    process = Ledger()
    process.add("images")
    process.hand_over(broker)
    queue.enqueue(1, [1])
    queue.enqueue(1, [2], first=True)
    worker = build_worker(broker, "worker-1")
    worker.register_birth()
    wait_for(lambda: living(broker), "the first sign")
    names = {name.decode() for name in broker.keys("*")}
    shared = {name for name in names if not name.startswith(("rq:job:", "rq:worker:", "autotag:alive:"))}
    worker.register_death()
    assert shared <= set(KEYS)
    assert {"autotag:alive", SUMS, "rq:workers", "rq:queue:tagging"} <= shared


@pytest.mark.usefixtures("signals_of_the_process")
def test_all_keys_of_another_type_at_once_keep_no_worker_from_working(
    broker: Redis, queue: TaggingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(jobs, "tag_documents", lambda instance_id, _ids: taken.append(instance_id))
    for key in KEYS:
        broker.set(key, "a text")
    worker = build_worker(broker, "worker-1")
    worker.register_birth()
    worker.register_death()
    queue.enqueue(7, [1])
    for key in ("rq:wip:tagging", "rq:workers"):
        broker.delete(key)
        broker.set(key, "a text")
    build_worker(broker, "worker-2").work(burst=True, logging_level="WARNING")
    assert taken == [7]


def test_the_page_finds_everything_again_once_they_are_removed(broker: Redis, queue: TaggingQueue) -> None:
    for key in KEYS:
        broker.set(key, "a text")
    remove_wrong_types(broker)
    beat = Heartbeat(broker, Part.WORKER, "host.worker-1.ab")
    beat.start()
    wait_for(lambda: look_at_crew(queue).workers, "the sign")
    assert read(broker) == []
    beat.stop()
