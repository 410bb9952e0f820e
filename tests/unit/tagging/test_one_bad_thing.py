"""One bad thing never stops the others: a step, a bulk action, a run, a worker, an instance that raises each time.

The real scheduler takes its turns, with a real database and a real broker. What belongs to another tenant is done
within two seconds; what failed is done once its cause is gone, and nothing twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.config import Config
from autotag.media.bin.recycle_bin import trash
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.storage.storage import FolderStorage
from autotag.models import (
    BulkAction,
    BulkActionState,
    Document,
    RunItemState,
    RunState,
    TagAssignment,
    TaggingRun,
    TaggingState,
    VirtualInstance,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.scheduler import BACKLOG_SECONDS, Scheduler
from autotag.tagging import failed_tries
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk import scheduler_step as bulk_tending
from autotag.tagging.bulk.actions import BulkKind, add, start_action
from autotag.tagging.bulk.undo import can_undo
from autotag.tagging.failed_tries import MOST_TRIES
from autotag.tagging.pipeline.claims import claim
from autotag.tagging.queueing import reconcile
from autotag.tagging.runs import scheduler_step as run_tending
from autotag.tagging.runs.lifecycle import cancel_run, resume_run, undo_run
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library, enable_tensorflow

WITHIN_SECONDS = 2.0
STEPS = ("bulk actions", "runs", "broker", "dead workers", "reconcile", "webhooks", "sweep")


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines of the log, which are not printed: with tracebacks that takes longer than the rest."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five documents are three parts, and a row that failed is tried again at once."""
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    monkeypatch.setattr(failed_tries, "FIRST_PAUSE", timedelta(0))


@pytest.fixture
def scheduler(
    config: Config, broker: Redis, broker_socket: Path, sessions: sessionmaker[Session]
) -> Scheduler:
    return Scheduler(replace(config, redis_url=f"unix://{broker_socket}"), sessions)


@pytest.fixture
def bad(library: Library) -> Library:
    """The tenant whose things raise."""
    return library


@pytest.fixture
def good(sessions: sessionmaker[Session], make: Factory, library: Library) -> Library:
    """Another tenant."""
    instance = make.instance("globex")
    enable_tensorflow(sessions, instance.id)
    return Library(sessions, make, instance)


def fail(*_: object, **__: object) -> Any:
    raise KeyError("unexpected")


def turn_until(scheduler: Scheduler, condition: Callable[[], object]) -> float:
    """Let the scheduler take turns until a condition holds; return how long it takes it.

    That is the processor time of the turns with the pauses between them, so that it is the same on a busy machine.
    """
    began, worked, pauses = time.monotonic(), time.process_time(), 0.0
    while not condition():
        assert time.monotonic() - began < 60, "it never came"
        scheduler.turn()
        pauses += BACKLOG_SECONDS
    return pauses + time.process_time() - worked


def start_tagging(library: Library, name: str = "cat") -> int:
    """Start tagging five documents of an instance in the background."""
    for _ in range(5):
        library.document()
    given = {"add": [name], "remove": []}
    chosen = Selection(query=DocumentQuery())
    with library.sessions() as session, unit_of_work(session) as work:
        return start_action(
            work, library.instance.id, BulkKind.EDIT_TAGS, chosen, user_id=None, parameters=given
        ).id


def action_of(library: Library, action_id: int) -> BulkAction:
    with library.sessions() as session:
        return session.get_one(BulkAction, action_id)


def assignments(library: Library) -> int:
    with library.sessions() as session:
        found = select(func.count()).where(TagAssignment.instance_id == library.instance.id)
        return session.scalar(found) or 0


def is_finished(library: Library, action_id: int) -> bool:
    return action_of(library, action_id).state is BulkActionState.FINISHED


class Work:
    """Something for each step to do, and whether it is done."""

    def __init__(
        self, scheduler: Scheduler, library: Library, storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.scheduler, self.library = scheduler, library
        self.action = start_tagging(library)
        self.tagged = range(5)
        self.run = library.start(*[library.document() for _ in range(3)])
        with library.sessions() as session, unit_of_work(session) as work:
            work.session.execute(
                update(TaggingRun).where(TaggingRun.id == self.run.id).values(state=RunState.CANCELLED)
            )
        self.lost = library.document(TaggingState.QUEUED)
        self.held = library.document(TaggingState.QUEUED)
        assert claim(library.sessions, library.instance.id, self.held.id, "host.gone")
        monkeypatch.setattr("autotag.tagging.queueing.dead_workers.MISSING_SECONDS", 0.0)
        scheduler.queue.connection.set("rq:workers", "of another type")
        with library.sessions() as session, unit_of_work(session) as work:
            webhook = Webhook(instance_id=library.instance.id, address="https://dead.invalid/", events=[])
            work.session.add(webhook)
            work.session.flush()
            delivery = WebhookDelivery(
                instance_id=library.instance.id,
                webhook_id=webhook.id,
                event_id="evt_1",
                event=WebhookEvent.DOCUMENT_TAGGED,
                body="{}",
            )
            work.session.add(delivery)
            work.session.flush()
            self.delivery = delivery.id
        self.path = storage.incoming()
        self.path.write_bytes(b"left behind")
        os.utime(self.path, (0, 0))

    def done(self) -> dict[str, bool]:
        """Which steps have done what was there for them."""
        library = self.library
        with library.sessions() as session:
            enqueued = session.get_one(Document, self.lost.id).tagging_enqueued_at is not None
            tries = session.get_one(WebhookDelivery, self.delivery).tries
        return {
            "bulk actions": is_finished(library, self.action),
            "runs": library.items(self.run).get(RunItemState.QUEUED, 0) == 0,
            "broker": not self.scheduler.queue.connection.exists("rq:workers"),
            "dead workers": library.look(self.held).tagging_state is TaggingState.QUEUED,
            "reconcile": enqueued,
            "webhooks": tries == 1,
            "sweep": not self.path.exists(),
        }


@pytest.mark.parametrize("broken", STEPS)
def test_a_step_that_raises_each_time_stops_no_other(
    scheduler: Scheduler,
    good: Library,
    storage: FolderStorage,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    assert tuple(scheduler.steps) == STEPS
    there = Work(scheduler, good, storage, monkeypatch)
    step = scheduler.steps[broken]
    scheduler.steps[broken] = fail
    others = set(STEPS) - {broken}
    # The webhook's thread looks up a name meanwhile, which takes no step's time.
    in_turns = others - {"webhooks"}
    assert turn_until(scheduler, lambda: all(there.done()[name] for name in in_turns)) < WITHIN_SECONDS
    turn_until(scheduler, lambda: all(there.done()[name] for name in others))
    assert not there.done()[broken]
    (failing,) = scheduler.guards.failing()
    assert (failing.step, failing.error) == (broken, "KeyError: 'unexpected'")
    scheduler.steps[broken] = step
    turn_until(scheduler, lambda: all(there.done().values()))
    assert scheduler.guards.failing() == []
    assert assignments(good) == len(there.tagged), "each once"


@pytest.mark.parametrize("kind", list(BulkKind))
def test_an_action_that_raises_each_time_stops_no_other_and_fails_in_the_end(
    scheduler: Scheduler,
    bad: Library,
    good: Library,
    monkeypatch: pytest.MonkeyPatch,
    logs: list[MutableMapping[str, Any]],
    kind: BulkKind,
) -> None:
    """It raises after its part was done, which is rolled back: nothing of it is done, or done twice."""
    ids = [bad.document().id for _ in range(5)]
    with bad.sessions() as session, unit_of_work(session) as work:
        if kind.is_about_the_bin:
            trash(work, bad.instance.id, Selection(ids=tuple(ids)), user_id=None)
        action = BulkAction(
            instance_id=bad.instance.id,
            kind=kind,
            selection={"ids": ids, "tags": [1], "into": 2},
            parameters={
                "add": ["x"],
                "remove": [],
                "folder_id": None,
                "until": max(ids),
                "undoes": 0,
                "actor": "",
                "name": "x",
            },
        )
        add(work.session, action, 5)
        action_id = action.id
    work_off = bulk_tending.work_off

    def work_off_or_fail(work: Any, action: BulkAction) -> None:
        if action.id != action_id:
            return work_off(work, action)
        if kind is not BulkKind.MERGE_TAGS:
            work_off(work, action)
        return fail()

    monkeypatch.setattr(bulk_tending, "work_off", work_off_or_fail)
    theirs = start_tagging(good)
    assert turn_until(scheduler, lambda: is_finished(good, theirs)) < WITHIN_SECONDS
    turn_until(scheduler, lambda: action_of(bad, action_id).state is BulkActionState.FAILED)
    failed = action_of(bad, action_id)
    assert (failed.failures, failed.last_error, failed.done) == (MOST_TRIES, "KeyError: 'unexpected'", 0)
    assert failed.reason == bulk_tending.UNEXPECTED
    assert failed.finished_at is not None
    assert len([line for line in logs if isinstance(line.get("exc_info"), KeyError)]) == MOST_TRIES
    assert assignments(bad) == 0
    assert assignments(good) == 5


def test_an_action_goes_on_where_it_was_once_the_cause_is_gone(
    scheduler: Scheduler, bad: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    action_id = start_tagging(bad)
    scheduler.turn()
    assert action_of(bad, action_id).done == 2
    with monkeypatch.context() as patch:
        patch.setattr(bulk_tending, "work_off", fail)
        for _ in range(MOST_TRIES - 1):
            scheduler.turn()
    held_up = action_of(bad, action_id)
    assert (held_up.state, held_up.failures) == (BulkActionState.RUNNING, MOST_TRIES - 1)
    turn_until(scheduler, lambda: is_finished(bad, action_id))
    done = action_of(bad, action_id)
    assert (done.done, done.failures, done.last_error, done.next_try_at) == (5, 0, "", None)
    assert assignments(bad) == 5


def test_an_action_that_failed_rests_and_the_database_is_not_asked_for_it(
    scheduler: Scheduler, bad: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_tries, "FIRST_PAUSE", timedelta(minutes=1))
    action_id = start_tagging(bad)
    with monkeypatch.context() as patch:
        patch.setattr(bulk_tending, "work_off", fail)
        for _ in range(5):
            scheduler.turn()
    held_up = action_of(bad, action_id)
    assert held_up.failures == 1
    assert held_up.next_try_at is not None
    assert held_up.next_try_at > utc_now() + timedelta(seconds=30)


UNREADABLE: dict[str, dict[str, object]] = {
    "a kind of a newer version": {"kind": "translate"},
    "a renamed field of the query": {"selection": {"query": {"words": "x"}}},
    "a query with a field of a newer version": {"selection": {"query": {"colour": "red"}}},
    "a missing field": {"parameters": {"until": 2**31 - 1}},
    "no upper end": {"parameters": {}},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_action_that_cannot_be_read_fails_with_a_sentence(
    scheduler: Scheduler, bad: Library, good: Library, name: str
) -> None:
    action_id = start_tagging(bad)
    with bad.sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(BulkAction).where(BulkAction.id == action_id).values(**UNREADABLE[name]))
    theirs = start_tagging(good)
    assert turn_until(scheduler, lambda: is_finished(good, theirs)) < WITHIN_SECONDS
    turn_until(scheduler, lambda: action_of(bad, action_id).state is BulkActionState.FAILED)
    failed = action_of(bad, action_id)
    assert failed.reason == bulk_tending.UNREADABLE
    assert not can_undo(failed)


@pytest.mark.parametrize("column", ["selection", "parameters"])
def test_an_action_whose_row_cannot_even_be_loaded_fails_as_well(
    scheduler: Scheduler, bad: Library, good: Library, column: str, database_kind: str
) -> None:
    # PostgreSQL keeps no broken JSON, but a number where an object should be.
    broken = "'7'" if database_kind == "postgresql" else "'{broken'"
    action_id = start_tagging(bad)
    with bad.sessions() as session, unit_of_work(session) as work:
        work.session.execute(text(f"UPDATE bulk_action SET {column} = {broken} WHERE id = {action_id}"))
    theirs = start_tagging(good)
    assert turn_until(scheduler, lambda: is_finished(good, theirs)) < WITHIN_SECONDS

    def state() -> str:
        with bad.sessions() as session:
            found: str = session.execute(
                text(f"SELECT state FROM bulk_action WHERE id = {action_id}")
            ).scalar_one()
            return found

    turn_until(scheduler, lambda: state() == "failed")


def test_a_run_that_raises_each_time_stops_no_other_and_is_left_to_a_person(
    scheduler: Scheduler, bad: Library, good: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_tending, "WINDOW", 4)
    ours = [bad.document() for _ in range(70)]
    run, theirs = bad.start(), None
    hand_out = run_tending.hand_out

    def hand_out_or_fail(session: Session, one: TaggingRun, share: int) -> int:
        handed = hand_out(session, one, share)
        return fail() if one.id == run.id else handed

    monkeypatch.setattr(run_tending, "hand_out", hand_out_or_fail)
    bad.work()
    documents = [good.document() for _ in range(3)]
    theirs = good.start(*documents)
    good.work()
    seconds = turn_until(scheduler, lambda: good.run(theirs).state is RunState.FINISHED)
    assert seconds < WITHIN_SECONDS
    turn_until(scheduler, lambda: bad.run(run).state is RunState.PAUSED)
    paused = bad.run(run)
    assert paused.reason == run_tending.PAUSED_REASON
    assert paused.last_error == "KeyError: 'unexpected'"
    turn_until(scheduler, lambda: bad.items(run).get(RunItemState.QUEUED, 0) == 0)
    done = bad.items(run)[RunItemState.DONE]
    assert 0 < done < 70
    assert bad.queued() == [], "no document is left on the way"
    monkeypatch.setattr(run_tending, "hand_out", hand_out)
    bad.act(resume_run, run)
    resumed = bad.run(run)
    assert (resumed.reason, resumed.last_error, resumed.failures) == ("", "", 0)
    bad.go_on()
    assert bad.run(run).state is RunState.FINISHED
    assert bad.items(run) == {RunItemState.DONE: 70}
    assert assignments(bad) == len(ours)


def test_a_run_that_was_given_up_can_be_cancelled(
    scheduler: Scheduler, bad: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bad.start(*[bad.document() for _ in range(3)])
    with monkeypatch.context() as patch:
        patch.setattr(run_tending, "_go_on", fail)
        turn_until(scheduler, lambda: bad.run(run).state is RunState.PAUSED)
    bad.act(cancel_run, run)
    turn_until(scheduler, lambda: bad.items(run) == {RunItemState.WAITING: 3})
    assert bad.queued() == []


def test_an_undo_that_raises_each_time_ends_and_can_be_repeated(
    scheduler: Scheduler, bad: Library, good: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotag.tagging.runs.lifecycle.CHUNK", 2)
    run = bad.start(*[bad.document() for _ in range(5)])
    bad.go_on()
    bad.act(undo_run, run)
    assert bad.items(run)[RunItemState.DONE] == 3
    with monkeypatch.context() as patch:
        patch.setattr(run_tending, "take_back", fail)
        theirs = start_tagging(good)
        assert turn_until(scheduler, lambda: is_finished(good, theirs)) < WITHIN_SECONDS
        turn_until(scheduler, lambda: bad.run(run).state is RunState.CANCELLED)
    ended = bad.run(run)
    assert (ended.reason, ended.finished_at is not None) == (run_tending.NOT_UNDONE_REASON, True)
    assert bad.items(run) == {RunItemState.DONE: 3, RunItemState.UNDONE: 2}
    bad.act(undo_run, run)
    turn_until(scheduler, lambda: bad.run(run).finished_at is not None)
    assert bad.items(run) == {RunItemState.UNDONE: 5}
    assert assignments(bad) == 0


@pytest.mark.parametrize("part", ["_due", "_mark_enqueued", "release_expired_claims"])
def test_an_instance_whose_documents_cannot_be_handed_out_stops_no_other(
    scheduler: Scheduler,
    sessions: sessionmaker[Session],
    bad: Library,
    good: Library,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    documents = {}
    for library in (bad, good):
        documents[library] = library.document(TaggingState.QUEUED)
        assert claim(sessions, library.instance.id, documents[library].id, "host.slow")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).values(tagging_lease_until=utc_now() - timedelta(minutes=1)))
    real = getattr(reconcile, part)

    def fail_for_bad(first: object, instance_id: int, *more: Any) -> Any:
        if instance_id != bad.instance.id:
            return real(first, instance_id, *more)
        if part == "_due":
            # On PostgreSQL a statement that fails ends the transaction.
            first.execute(text("SELECT no_such_column FROM document"))  # type: ignore[attr-defined]
        return fail()

    def is_enqueued(library: Library) -> bool:
        return library.look(documents[library]).tagging_enqueued_at is not None

    with monkeypatch.context() as patch:
        patch.setattr(reconcile, part, fail_for_bad)
        assert turn_until(scheduler, lambda: is_enqueued(good)) < WITHIN_SECONDS
        assert not is_enqueued(bad)
    (failing,) = scheduler.guards.failing()
    assert failing.subject == f"instance {bad.instance.id}"
    turn_until(scheduler, lambda: is_enqueued(bad))
    assert scheduler.queue.waiting() == 2


def test_a_worker_whose_documents_cannot_be_taken_back_stops_no_other(
    scheduler: Scheduler,
    sessions: sessionmaker[Session],
    bad: Library,
    good: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from autotag.tagging.queueing import dead_workers

    monkeypatch.setattr(dead_workers, "MISSING_SECONDS", 0.0)
    monkeypatch.setattr(dead_workers, "EVERY_SECONDS", 0.0)
    ours, theirs = bad.document(TaggingState.QUEUED), good.document(TaggingState.QUEUED)
    assert claim(sessions, bad.instance.id, ours.id, "a.bad")
    assert claim(sessions, good.instance.id, theirs.id, "b.good")
    release = dead_workers.release_claims_of

    def release_or_fail(factory: sessionmaker[Session], worker: str) -> int:
        return fail() if worker == "a.bad" else release(factory, worker)

    with monkeypatch.context() as patch:
        patch.setattr(dead_workers, "release_claims_of", release_or_fail)
        seconds = turn_until(scheduler, lambda: good.look(theirs).tagging_state is TaggingState.QUEUED)
        assert seconds < WITHIN_SECONDS
        assert bad.look(ours).tagging_state is TaggingState.RUNNING
    turn_until(scheduler, lambda: bad.look(ours).tagging_state is TaggingState.QUEUED)
    assert bad.look(ours).tagging_worker_deaths == 1


def test_trouble_of_the_database_fails_no_row(
    scheduler: Scheduler, bad: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_tries, "PASSING_PAUSE", timedelta(0))
    action_id = start_tagging(bad)

    def away(*_: object) -> None:
        raise failed_tries.OperationalError("select", {}, OSError("the database is busy"))

    with monkeypatch.context() as patch:
        patch.setattr(bulk_tending, "work_off", away)
        for _ in range(MOST_TRIES * 2):
            scheduler.turn()
    held_up = action_of(bad, action_id)
    assert (held_up.state, held_up.failures) == (BulkActionState.RUNNING, 0)
    assert held_up.last_error == "OperationalError: the database is busy"
    turn_until(scheduler, lambda: is_finished(bad, action_id))
    assert action_of(bad, action_id).last_error == ""


def test_the_instance_is_not_named_by_a_row_that_is_gone(scheduler: Scheduler, bad: Library) -> None:
    """An action that is deleted between two looks is no failure."""
    with bad.sessions() as session, unit_of_work(session) as work:
        assert not failed_tries.note_failure(work.session, BulkAction, 4711, "bulk actions", KeyError())
    assert isinstance(bad.instance, VirtualInstance)
