"""The worker runs against a real broker; what it is given to run is not always ours."""

import socket
import sys
from pathlib import Path

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer
from rq.webhook import Webhook

from autotag.tagging import jobs
from autotag.tagging.pipeline.pipeline import Worked
from autotag.tagging.queueing import heartbeats
from autotag.tagging.queueing.heartbeats import Sign, living
from autotag.tagging.queueing.queue import QUEUE_NAME, TAG_DOCUMENTS, TaggingQueue
from autotag.tagging.queueing.rq_worker import build_worker, worker_name
from tests.conftest import wait_for

pytestmark = pytest.mark.usefixtures("signals_of_the_process")

STRANGER = "stranger_of_the_tests"


class Recorder:
    """Stands in for the pipeline."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []

    def tag_many(self, instance_id: int, document_ids: list[int], **_options: object) -> Worked:
        self.taken += [(instance_id, document_id) for document_id in document_ids]
        return Worked([], [])


@pytest.fixture
def recorder(queue: TaggingQueue, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(jobs, "_bound", [(found, queue)])
    return found


@pytest.fixture
def rq_queue(broker: Redis) -> Queue:
    return Queue(QUEUE_NAME, connection=broker, serializer=JSONSerializer)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a trace when it is imported, and another when its function is called."""
    trace = tmp_path / "trace"
    (tmp_path / f"{STRANGER}.py").write_text(
        f"from pathlib import Path\nPath({str(trace)!r}).write_text('imported')\n"
        f"def function(*_): Path({str(trace)!r}).write_text('called')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, STRANGER, raising=False)
    return trace


def work(broker: Redis) -> None:
    build_worker(broker, "worker-1").work(burst=True, logging_level="CRITICAL")


def failures(queue: Queue) -> list[str]:
    registry = FailedJobRegistry(queue=queue)
    jobs = [Job.fetch(key, queue.connection, serializer=JSONSerializer) for key in registry.get_job_ids()]
    return [(job.latest_result().exc_string or "").strip().splitlines()[-1] for job in jobs]


def test_a_job_of_ours_runs_and_is_gone(
    broker: Redis, queue: TaggingQueue, rq_queue: Queue, recorder: Recorder
) -> None:
    queue.enqueue(7, [1, 2])
    work(broker)
    assert recorder.taken == [(7, 1), (7, 2)]
    assert failures(rq_queue) == []
    assert broker.keys("rq:job:*") == []


def test_a_job_of_ours_that_fails_is_kept_with_its_reason(
    broker: Redis, queue: TaggingQueue, rq_queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_bound", [])
    queue.enqueue(7, [1])
    work(broker)
    assert failures(rq_queue) == ["autotag.tagging.jobs.NotInWorker"]


def test_a_function_that_is_no_job_of_ours_fails_without_being_imported(
    broker: Redis, rq_queue: Queue, stranger: Path, recorder: Recorder
) -> None:
    names = [f"{STRANGER}.function", "os.getcwd", "print", "autotag.tagging.jobs.bind"]
    for name in names:
        rq_queue.enqueue_call(name, args=(1, 2))
    work(broker)
    expected = [f"autotag.tagging.queueing.rq_worker.JobNotAllowed: {name}" for name in names]
    assert sorted(failures(rq_queue)) == sorted(expected)
    assert not stranger.exists()
    assert recorder.taken == []


def test_a_stranger_cannot_come_in_as_what_happens_after_a_job(
    broker: Redis, rq_queue: Queue, stranger: Path, recorder: Recorder
) -> None:
    hook = Callback(f"{STRANGER}.function")
    for function in (TAG_DOCUMENTS, f"{STRANGER}.function"):
        rq_queue.enqueue_call(function, args=(7, [1]), on_success=hook, on_failure=hook, on_stopped=hook)
    work(broker)
    assert not stranger.exists()
    assert recorder.taken == [(7, 1)]


def test_a_job_cannot_make_the_worker_call_an_address(
    broker: Redis, rq_queue: Queue, recorder: Recorder
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        webhooks = [Webhook(address, "finished", timeout=1), Webhook(address, "failed", timeout=1)]
        rq_queue.enqueue_call(TAG_DOCUMENTS, args=(7, [1]), webhooks=webhooks)
        work(broker)
        with pytest.raises(TimeoutError):
            server.accept()
    assert recorder.taken == [(7, 1)]


def test_a_method_of_some_object_is_no_job_of_ours(
    broker: Redis, rq_queue: Queue, recorder: Recorder
) -> None:
    job = Job.create(TAG_DOCUMENTS, args=(7, [1]), connection=broker, serializer=JSONSerializer)
    job._instance = {"some": "object"}
    rq_queue.enqueue_job(job)
    work(broker)
    assert failures(rq_queue) == [f"autotag.tagging.queueing.rq_worker.JobNotAllowed: {TAG_DOCUMENTS}"]


def test_one_bad_job_does_not_keep_the_next_from_running(
    broker: Redis, queue: TaggingQueue, rq_queue: Queue, recorder: Recorder
) -> None:
    rq_queue.enqueue_call("os.getcwd")
    queue.enqueue(7, [1])
    work(broker)
    assert recorder.taken == [(7, 1)]


def test_each_start_has_a_name_of_its_own_in_the_broker(broker: Redis) -> None:
    names = {build_worker(broker, "worker-1").name for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("worker-1.") for name in names)


def test_a_worker_is_alive_while_it_works_and_says_what_it_does(
    broker: Redis, queue: TaggingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.01)
    seen: list[Sign] = []

    class Watcher:
        def tag_many(self, *_what: object, **_options: object) -> Worked:
            wait_for(lambda: [sign.doing for sign in living(broker)] == ["tagging"], "the word")
            seen.extend(living(broker))
            return Worked([], [])

    monkeypatch.setattr(jobs, "_bound", [(Watcher(), queue)])
    queue.enqueue(7, [1])
    work(broker)
    assert [worker_name(sign.name) for sign in seen] == ["worker-1"]
    assert living(broker) == []


def test_what_goes_before_the_backlog_is_done_before_it(
    broker: Redis, queue: TaggingQueue, recorder: Recorder
) -> None:
    queue.enqueue(1, [1, 2])
    queue.enqueue(2, [3], first=True)
    work(broker)
    assert recorder.taken == [(2, 3), (1, 1), (1, 2)]
