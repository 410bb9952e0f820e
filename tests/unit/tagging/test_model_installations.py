"""Installing in the background: asked for once, watched, cancelled, lost, and told of."""

import signal
from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.inference.errors import InstallationCancelled, ModelCode, ModelRejected
from autotag.inference.installing.store import ModelStore
from autotag.models import InstallationState, ModelInstallation
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging import jobs as worker_jobs
from autotag.tagging import model_installations
from autotag.tagging.model_installations import (
    BROKER_AWAY,
    LOST,
    ModelInstallations,
    cancel_installation,
    list_models,
    request_installation,
)
from autotag.tagging.queueing.queue import INSTALL_MODEL, TaggingQueue
from autotag.tagging.queueing.rq_worker import build_worker
from tests.unit.tagging.queueing.test_queue import jobs

NAME = "inception-v3"
Install = Callable[..., None]


@pytest.fixture
def row(sessions: sessionmaker[Session]) -> Callable[[], ModelInstallation | None]:
    def row() -> ModelInstallation | None:
        with sessions() as session:
            return session.scalar(select(ModelInstallation).filter_by(name=NAME))

    return row


@pytest.fixture
def ask(sessions: sessionmaker[Session], queue: TaggingQueue) -> Callable[..., None]:
    def ask(where: TaggingQueue = queue, name: str = NAME) -> None:
        with sessions() as session, unit_of_work(session) as work:
            request_installation(work, where, name, "ada@example.test")

    return ask


@pytest.fixture
def cancel(sessions: sessionmaker[Session]) -> Callable[[], None]:
    def cancel() -> None:
        with sessions() as session, unit_of_work(session) as work:
            cancel_installation(work, NAME, "ada@example.test")

    return cancel


@pytest.fixture
def run(
    sessions: sessionmaker[Session], models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Install], None]:
    """Runs the job with another way to install, without waiting between two writes."""

    def run(install: Install) -> None:
        monkeypatch.setattr(model_installations, "install", install)
        ModelInstallations(sessions, models).run(NAME)

    monkeypatch.setattr(model_installations, "WRITE_SECONDS", 0.0)
    return run


@pytest.fixture
def listed(sessions: sessionmaker[Session], models: ModelStore) -> Callable[[], tuple[bool, str]]:
    def listed() -> tuple[bool, str]:
        with sessions() as session:
            model = next(model for model in list_models(session, models) if model.summary.name == NAME)
            return model.is_under_way, model.trouble

    return listed


@pytest.fixture
def age(sessions: sessionmaker[Session]) -> Callable[[], None]:
    """Lets a minute pass in which nobody is heard of."""

    def age() -> None:
        with sessions() as session, unit_of_work(session) as work:
            found = work.session.scalars(select(ModelInstallation)).one()
            found.updated_at = utc_now() - timedelta(seconds=61)

    return age


def test_asking_twice_is_one_job(
    ask: Callable[..., None], broker: Redis, listed: Callable[[], tuple[bool, str]]
) -> None:
    assert listed() == (False, "")
    ask()
    ask()
    assert [job[0] for job in jobs(broker, "tagging-first")] == [INSTALL_MODEL]
    assert jobs(broker, "tagging-first")[0][2] == [NAME]
    assert listed() == (True, "")


def test_it_goes_before_the_documents(ask: Callable[..., None], queue: TaggingQueue, broker: Redis) -> None:
    queue.enqueue(1, [2])
    ask()
    assert next(job[0] for job in jobs(broker, "tagging-first")) == INSTALL_MODEL


def test_what_the_catalogue_does_not_know_is_refused(ask: Callable[..., None], broker: Redis) -> None:
    with pytest.raises(ModelRejected, match="No model is called"):
        ask(name="nothing")
    assert jobs(broker, "tagging-first") == []


def test_without_a_broker_it_fails_at_once(
    ask: Callable[..., None], no_broker: TaggingQueue, listed: Callable[[], tuple[bool, str]]
) -> None:
    ask(no_broker)
    assert listed() == (False, BROKER_AWAY)


def test_progress_is_written_while_it_runs(
    ask: Callable[..., None],
    run: Callable[[Install], None],
    row: Callable[[], ModelInstallation],
) -> None:
    seen = []

    def install(_store: object, _name: str, *, progress: Callable[..., None], **_: object) -> None:
        for done in (10, 20):
            progress(done, 40)
            found = row()
            seen.append((found.state, found.done_bytes, found.total_bytes))

    ask()
    run(install)
    assert seen == [(InstallationState.RUNNING, 10, 40), (InstallationState.RUNNING, 20, 40)]
    assert row().state is InstallationState.DONE
    run(lambda *_, **__: pytest.fail("it was done already"))


def test_progress_is_written_twice_a_second_at_most(
    ask: Callable[..., None],
    run: Callable[[Install], None],
    row: Callable[[], ModelInstallation],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_installations, "WRITE_SECONDS", 3600.0)

    def install(_store: object, _name: str, *, progress: Callable[..., None], **_: object) -> None:
        progress(1, 40)
        progress(39, 40)

    ask()
    run(install)
    assert row().done_bytes == 1


def test_a_refusal_is_kept_for_the_page(
    ask: Callable[..., None], run: Callable[[Install], None], listed: Callable[[], tuple[bool, str]]
) -> None:
    def install(*_: object, **__: object) -> None:
        raise ModelRejected(ModelCode.DOWNLOAD_FAILED, "It cannot be reached. Use --from FILE.")

    ask()
    run(install)
    assert listed() == (False, "It cannot be reached. Use --from FILE.")


def test_cancelling_stops_what_runs(
    ask: Callable[..., None],
    cancel: Callable[[], None],
    run: Callable[[Install], None],
    row: Callable[[], ModelInstallation],
) -> None:
    def install(*_: object, cancelled: Callable[[], bool], **__: object) -> None:
        assert not cancelled()
        cancel()
        assert row().state is InstallationState.RUNNING
        if cancelled():
            raise InstallationCancelled

    ask()
    run(install)
    assert row().state is InstallationState.CANCELLED


def test_cancelling_what_waits_is_done_at_once(
    ask: Callable[..., None],
    cancel: Callable[[], None],
    run: Callable[[Install], None],
    row: Callable[[], ModelInstallation | None],
) -> None:
    cancel()
    assert row() is None
    ask()
    cancel()
    run(lambda *_, **__: pytest.fail("it was cancelled"))
    found = row()
    assert found
    assert found.state is InstallationState.CANCELLED


def test_what_is_not_heard_of_is_lost_and_can_be_tried_again(
    ask: Callable[..., None], age: Callable[[], None], listed: Callable[[], tuple[bool, str]], broker: Redis
) -> None:
    ask()
    age()
    assert listed() == (False, LOST)
    ask()
    assert listed() == (True, "")
    assert len(jobs(broker, "tagging-first")) == 2


def test_a_worker_that_was_given_up_does_not_end_its_successors_installation(
    ask: Callable[..., None],
    age: Callable[[], None],
    run: Callable[[Install], None],
    row: Callable[[], ModelInstallation],
) -> None:
    def install(*_: object, cancelled: Callable[[], bool], **__: object) -> None:
        age()
        ask()
        assert cancelled()
        raise InstallationCancelled

    ask()
    run(install)
    assert row().state is InstallationState.QUEUED


def test_a_worker_takes_the_job(
    ask: Callable[..., None],
    row: Callable[[], ModelInstallation],
    sessions: sessionmaker[Session],
    models: ModelStore,
    broker: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_installations, "install", lambda *_, **__: None)
    monkeypatch.setattr(worker_jobs, "_bound_installations", [ModelInstallations(sessions, models)])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ask()
    try:
        build_worker(broker, "test").work(burst=True)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert row().state is InstallationState.DONE
