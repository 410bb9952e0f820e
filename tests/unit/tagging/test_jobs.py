from collections.abc import Callable

import pytest
from redis import Redis

from autotag.tagging import jobs
from autotag.tagging.jobs import NotInWorker, bind, bind_installations, install_model, tag_documents
from autotag.tagging.pipeline.pipeline import Worked
from autotag.tagging.queueing.queue import TaggingQueue
from tests.unit.tagging.queueing.test_reconcile import handed_out


class Recorder:
    """Stands in for the pipeline; one at a time is claimed."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []

    def tag_many(
        self, instance_id: int, document_ids: list[int], *, is_interrupted: Callable[[], bool]
    ) -> Worked:
        left = list(document_ids)
        while left and not (self.taken and is_interrupted()):
            self.taken.append((instance_id, left[0]))
            if left.pop(0) == 13:
                raise RuntimeError
        return Worked([], left)


@pytest.fixture(autouse=True)
def unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_bound", [])
    monkeypatch.setattr(jobs, "_bound_installations", [])


def test_outside_a_worker_a_job_fails() -> None:
    with pytest.raises(NotInWorker):
        tag_documents(1, [2])
    with pytest.raises(NotInWorker):
        install_model("lite")


def test_a_job_tags_each_document_in_order(queue: TaggingQueue) -> None:
    recorder = Recorder()
    bind(recorder, queue)  # type: ignore[arg-type]
    tag_documents(7, [3, 1, 2])
    assert recorder.taken == [(7, 3), (7, 1), (7, 2)]


def test_a_later_binding_replaces_the_earlier_one(queue: TaggingQueue) -> None:
    first, second = Recorder(), Recorder()
    bind(first, queue)  # type: ignore[arg-type]
    bind(second, queue)  # type: ignore[arg-type]
    tag_documents(7, [1])
    assert (first.taken, second.taken) == ([], [(7, 1)])


def test_a_job_of_the_backlog_gives_way_to_what_goes_before_it(queue: TaggingQueue, broker: Redis) -> None:
    recorder = Recorder()
    bind(recorder, queue)  # type: ignore[arg-type]
    queue.enqueue(7, [1], first=True)
    queue.enqueue(8, [2])
    tag_documents(7, [3, 4, 5])
    assert recorder.taken == [(7, 3)]
    assert handed_out(broker) == [(7, [4, 5]), (8, [2])]


def test_a_failure_is_not_swallowed(queue: TaggingQueue) -> None:
    bind(Recorder(), queue)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        tag_documents(7, [13, 14])


def test_a_job_installs_a_model() -> None:
    asked: list[str] = []

    class Installations:
        def run(self, name: str) -> None:
            asked.append(name)

    bind_installations(Installations())  # type: ignore[arg-type]
    install_model("lite")
    assert asked == ["lite"]
