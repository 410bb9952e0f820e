import pytest

from autotag.tagging import jobs
from autotag.tagging.jobs import NotInWorker, bind, bind_installations, install_model, tag_documents


class Recorder:
    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []

    def tag_many(self, instance_id: int, document_ids: list[int]) -> None:
        for document_id in document_ids:
            self.taken.append((instance_id, document_id))
            if document_id == 13:
                raise RuntimeError


@pytest.fixture(autouse=True)
def unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_bound", [])
    monkeypatch.setattr(jobs, "_bound_installations", [])


def test_outside_a_worker_a_job_fails() -> None:
    with pytest.raises(NotInWorker):
        tag_documents(1, [2])
    with pytest.raises(NotInWorker):
        install_model("lite")


def test_a_job_tags_each_document_in_order() -> None:
    recorder = Recorder()
    bind(recorder)  # type: ignore[arg-type]
    tag_documents(7, [3, 1, 2])
    assert recorder.taken == [(7, 3), (7, 1), (7, 2)]


def test_a_later_binding_replaces_the_earlier_one() -> None:
    first, second = Recorder(), Recorder()
    bind(first)  # type: ignore[arg-type]
    bind(second)  # type: ignore[arg-type]
    tag_documents(7, [1])
    assert (first.taken, second.taken) == ([], [(7, 1)])


def test_a_failure_is_not_swallowed() -> None:
    bind(Recorder())  # type: ignore[arg-type]
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
