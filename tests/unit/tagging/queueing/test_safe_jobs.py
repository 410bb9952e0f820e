"""Junk in the queue, from somebody who can write to the broker: it harms nothing and ends no worker."""

from __future__ import annotations

import json
import zlib

import pytest
import structlog
from redis import Redis

from autotag.tagging import jobs
from autotag.tagging.queueing import safe_jobs
from autotag.tagging.queueing.queue import (
    FIRST_QUEUE_NAME,
    INSTALL_MODEL,
    QUEUE_NAME,
    TAG_DOCUMENTS,
    TaggingQueue,
)
from autotag.tagging.queueing.rq_worker import build_worker

pytestmark = pytest.mark.usefixtures("signals_of_the_process")

QUEUE_KEY = f"rq:queue:{QUEUE_NAME}"


def call(function: object, arguments: object, options: object = None) -> bytes:
    return json.dumps([function, None, arguments, options or {}]).encode()


OURS = zlib.compress(call(TAG_DOCUMENTS, [7, [9]]))
MALFORMED: dict[str, dict[str, bytes | str]] = {
    "no data": {"description": "y"},
    "not packed": {"data": b"\xff\x00garbage"},
    "no JSON": {"data": zlib.compress(b"[no json")},
    "too short": {"data": zlib.compress(b"[1]")},
    "a number": {"data": zlib.compress(b"1")},
    "a number to call": {"data": zlib.compress(call(1, []))},
    "a list to call": {"data": zlib.compress(call([1], []))},
    "no arguments": {"data": zlib.compress(call(TAG_DOCUMENTS, 3))},
    "texts for ids": {"data": zlib.compress(call(TAG_DOCUMENTS, ["a", "b"]))},
    "truths for ids": {"data": zlib.compress(call(TAG_DOCUMENTS, [7, [True]]))},
    "named arguments": {"data": zlib.compress(call(TAG_DOCUMENTS, [7, [9]], {"more": 1}))},
    "a number for a model": {"data": zlib.compress(call(INSTALL_MODEL, [5]))},
    "nested deeply": {"data": zlib.compress(b"[" * 100_000)},
    "a bomb": {"data": zlib.compress(bytes(20_000_000))},
    "a bomb in a bomb": {"data": zlib.compress(zlib.compress(bytes(20_000_000)))},
    "many ids": {"data": zlib.compress(call(TAG_DOCUMENTS, [7, list(range(200_000))]))},
    "a long field": {"data": OURS, "description": "x" * 100_000},
    "no time": {"data": OURS, "created_at": "yesterday"},
    "no time-out": {"data": OURS, "timeout": "never"},
    "no lifetime": {"data": OURS, "failure_ttl": "x"},
    "no state": {"data": OURS, "status": b"\xff"},
    "no origin": {"data": OURS, "origin": b"\xff"},
    "a list of notes": {"data": OURS, "meta": "[1]"},
}


def push(broker: Redis, job_id: str, fields: dict[str, bytes | str]) -> None:
    broker.hset(f"rq:job:{job_id}", mapping=fields)
    broker.rpush(QUEUE_KEY, job_id)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """The documents that our job is called with, by instance."""
    found: list[tuple[int, list[int]]] = []
    monkeypatch.setattr(jobs, "tag_documents", lambda instance_id, ids: found.append((instance_id, ids)))
    return found


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of what was dropped, one for each line in the log."""
    found: list[str] = []

    def note(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        assert len(line["reason"]) <= 200
        found.append(line["job_id"].strip("'"))
        raise structlog.DropEvent

    monkeypatch.setattr(safe_jobs, "logger", structlog.wrap_logger(None, processors=[note]))
    return found


def work(broker: Redis) -> None:
    build_worker(broker, "worker-1").work(burst=True, logging_level="WARNING")


def test_what_is_no_job_is_dropped_with_one_line_and_the_next_job_runs(
    broker: Redis,
    queue: TaggingQueue,
    taken: list[tuple[int, list[int]]],
    dropped: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = {name.replace(" ", "-"): fields for name, fields in MALFORMED.items()}
    for job_id, fields in ids.items():
        push(broker, job_id, fields)
    queue.enqueue(7, [1])
    work(broker)
    assert dropped == list(ids)
    assert taken == [(7, [1])]
    assert broker.keys("rq:job:*") == []
    assert "Traceback" not in caplog.text


def test_what_is_no_id_or_names_something_else_is_dropped(
    broker: Redis, queue: TaggingQueue, taken: list[tuple[int, list[int]]], dropped: list[str]
) -> None:
    broker.set("rq:job:text", "of another kind")
    broker.rpush(QUEUE_KEY, "never-was", "", "a b/c", b"\xff\xfe\x00", "text")
    queue.enqueue(7, [1])
    work(broker)
    assert dropped == ["a b/c", r"b'\xff\xfe\x00", "text"]
    assert taken == [(7, [1])]
    # RQ's maintenance, which stumbles over what is no id, finds none.
    build_worker(broker, "worker-2").run_maintenance_tasks()
    assert broker.lrange(f"{QUEUE_KEY}:intermediate", 0, -1) == []


def test_what_we_do_not_use_of_a_job_is_not_read(
    broker: Redis, taken: list[tuple[int, list[int]]], dropped: list[str]
) -> None:
    more = {
        "repeats_left": "5",
        "repeat_intervals": "[0]",
        "retries_left": "5",
        "dependency_ids": "{",
        "webhooks": "x",
        "success_callback_timeout": "x",
        "success_callback_name": "os.getcwd",
        "result": b"\xff",
    }
    push(broker, "more", {"data": OURS} | more)
    work(broker)
    assert dropped == []
    assert taken == [(7, [9])]


def test_lists_of_another_kind_keep_no_worker_from_working(
    broker: Redis, queue: TaggingQueue, taken: list[tuple[int, list[int]]], dropped: list[str]
) -> None:
    for name in ("failed", "finished", "deferred", "scheduled"):
        broker.set(f"rq:{name}:{QUEUE_NAME}", "of another kind")
    queue.enqueue(7, [1])
    work(broker)
    assert taken == [(7, [1])]


def test_what_is_no_id_keeps_nobody_from_handing_over_a_document(broker: Redis, queue: TaggingQueue) -> None:
    broker.rpush(f"rq:queue:{FIRST_QUEUE_NAME}", b"\xff\xfe\x00", b"7-" + b"\xff")
    assert queue.is_open_to(7)
    assert queue.enqueue(7, [1], first=True)
