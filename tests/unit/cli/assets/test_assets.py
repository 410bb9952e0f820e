"""`autotag assets` beside the import: runs, untag, commit, status, reconcile."""

import json

import pytest
from redis import Redis
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.inference.installing.store import ModelStore
from autotag.models import (
    AssignmentSource,
    Document,
    Folder,
    RunItemState,
    RunState,
    TagAssignment,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk import actions as bulk_actions
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.queueing.queue import TaggingQueue
from tests.unit.cli.conftest import Autotag
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory, autotag: Autotag, models: ModelStore) -> VirtualInstance:
    """An instance; TensorFlow tags in all of them."""
    assert models.path("toy").exists()
    for field, value in (("model", "toy"), ("enabled", "true")):
        assert autotag("config", "set", "--scope", "default", "tensorflow", field, value).exit_code == 0
    return make.instance("acme")


def automatic(sessions: sessionmaker[Session]) -> list[int]:
    """The documents with automatic tags."""
    statement = select(TagAssignment.document_id).where(TagAssignment.source == AssignmentSource.AUTO)
    with sessions() as session:
        return sorted(session.scalars(statement))


def tagged(make: Factory, instance: VirtualInstance, **values: object) -> Document:
    document = make.document(instance, tagging_state=TaggingState.TAGGED, **values)
    make.tag(document, f"tag {document.id}", source=AssignmentSource.AUTO, confidence=0.9)
    return document


def test_a_run_over_what_has_no_tags_begins(
    autotag: Autotag, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session]
) -> None:
    bare = make.document(acme, tagging_state=TaggingState.SKIPPED)
    tagged(make, acme)
    result = autotag("assets", "tag-untagged", "--instance", "acme", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    assert (answer["state"], answer["total"], answer["scope"]) == ("running", 1, "untagged")
    with sessions() as session:
        assert session.scalars(select(TaggingRunItem.document_id)).all() == [bare.id]
        assert session.scalars(select(TaggingRun.created_by_id)).one() is None


def test_tagging_again_covers_everything_a_folder_or_some(
    autotag: Autotag, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        folder = Folder(instance_id=acme.id, name="Beach", normalized_name="beach")
        work.session.add(folder)
    one, two, three = (tagged(make, acme, folder_id=key) for key in (folder.id, None, None))

    def covered(*options: object) -> list[int]:
        answer = json.loads(autotag("assets", "retag", "--instance", "acme", "--json", *options).stdout)
        statement = select(TaggingRunItem.document_id).where(TaggingRunItem.run_id == answer["run"])
        with sessions() as session:
            return sorted(session.scalars(statement))

    assert covered() == [one.id, two.id, three.id]
    assert covered("--folder", "beach") == [one.id]
    assert covered("--document", two.id, "--document", three.id) == [two.id, three.id]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["retag", "--document", "7"], "There is no image among these files; only images are tagged."),
        (["retag", "--folder", "Nowhere"], "There is no folder Nowhere in this virtual instance."),
        (["untag", "--run", "7"], "There is no run 7 in this virtual instance."),
        (["commit", "--run", "7"], "There is no run 7 in this virtual instance."),
        (["untag", "--document", "7"], "None of the selected files is here any more."),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_line(
    autotag: Autotag, acme: VirtualInstance, words: list[str], line: str
) -> None:
    result = autotag("assets", *words, "--instance", "acme")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {line}\n")


@pytest.mark.parametrize(
    ("act", "key"), [("tag-untagged", "run"), ("retag", "run"), ("untag", "action"), ("commit", "action")]
)
def test_nothing_to_do_is_no_failure(autotag: Autotag, acme: VirtualInstance, act: str, key: str) -> None:
    """A job that runs each night finds nothing on most of them."""
    result = autotag("assets", act, "--instance", "acme", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {key: None, "total": 0}


def test_the_documents_and_runs_of_another_instance_are_not_there(
    autotag: Autotag, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session]
) -> None:
    theirs = tagged(make, make.instance("globex"))
    run = json.loads(autotag("assets", "retag", "--instance", "globex", "--json").stdout)["run"]
    for words in (
        ["untag", "--document", theirs.id],
        ["commit", "--document", theirs.id],
        ["retag", "--document", theirs.id],
        ["untag", "--run", run],
        ["commit", "--run", run],
    ):
        assert autotag("assets", *words, "--instance", "acme").exit_code == 1
    assert automatic(sessions) == [theirs.id]


def test_a_scope_is_one_or_the_other(autotag: Autotag) -> None:
    result = autotag("assets", "untag", "--instance", "acme", "--document", 1, "--run", 2)
    assert result.exit_code == 2
    assert "--document and --run exclude each other." in result.stderr


def test_waiting_for_a_run_shows_how_far_it_is(
    autotag: Autotag,
    acme: VirtualInstance,
    make: Factory,
    sessions: sessionmaker[Session],
    broker: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tagged(make, acme)
    tagged(make, acme)

    def work(_seconds: float) -> None:
        with sessions() as session, unit_of_work(session) as work:
            items = work.session.scalars(select(TaggingRunItem)).all()
            items[0].state, items[1].state = RunItemState.DONE, RunItemState.FAILED
            work.session.execute(update(TaggingRun).values(state=RunState.FINISHED, finished_at=utc_now()))

    monkeypatch.setattr("autotag.cli.common.wait_for_completion.time.sleep", work)
    result = autotag("assets", "retag", "--instance", "acme", "--wait")
    assert result.exit_code == 1
    assert result.stdout == "Run 1 finished: 1 image done, 1 failed, 0 left out.\n"
    assert result.stderr.splitlines() == [
        "No worker is running: nothing is done before it runs. Start it with: autotag up",
        "1 image could not be tagged; the run's page says why.",
    ]


def test_who_stops_waiting_is_told_where_to_look(
    autotag: Autotag, acme: VirtualInstance, make: Factory, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    tagged(make, acme)
    monkeypatch.setattr("autotag.cli.common.wait_for_completion.time.sleep", interrupt)
    result = autotag("assets", "retag", "--instance", "acme", "--wait")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: No longer waiting; the work goes on. See: autotag assets status --instance acme"
    )
    assert json.loads(autotag("assets", "status", "--instance", "acme", "--json").stdout)["runs"] == [
        {"run": 1, "covers": "All images", "paused": False, "done": 0, "total": 1}
    ]


@pytest.mark.parametrize(("act", "source"), [("untag", None), ("commit", AssignmentSource.MANUAL)])
def test_automatic_tags_go_or_become_ordinary_ones(
    autotag: Autotag,
    acme: VirtualInstance,
    make: Factory,
    sessions: sessionmaker[Session],
    act: str,
    source: AssignmentSource | None,
) -> None:
    one, two = tagged(make, acme), tagged(make, acme)
    make.tag(one, "mine")
    first = autotag("assets", act, "--instance", "acme", "--document", one.id)
    assert (first.exit_code, first.stderr) == (0, "")
    assert automatic(sessions) == [two.id]
    with sessions() as session:
        sources = session.scalars(
            select(TagAssignment.source).where(TagAssignment.document_id == one.id)
        ).all()
    assert sources == [AssignmentSource.MANUAL] * (2 if source else 1)
    everything = json.loads(autotag("assets", act, "--instance", "acme", "--json").stdout)
    assert (everything["state"], everything["total"]) == ("finished", 2)
    assert automatic(sessions) == []


def test_many_are_worked_off_by_the_scheduler_and_can_be_waited_for(
    autotag: Autotag,
    acme: VirtualInstance,
    make: Factory,
    sessions: sessionmaker[Session],
    broker: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 1)
    for _ in range(3):
        tagged(make, acme)
    begun = autotag("assets", "untag", "--instance", "acme")
    assert begun.stdout == (
        "Action 1 is under way over 3 files. See: autotag assets status --instance acme\n"
    )
    monkeypatch.setattr(
        "autotag.cli.common.wait_for_completion.time.sleep", lambda _: tend_bulk_actions(sessions)
    )
    done = autotag("assets", "untag", "--instance", "acme", "--wait")
    assert (done.exit_code, done.stdout) == (0, "Automatic tags taken off: 3 files.\n")
    assert automatic(sessions) == []


def test_a_run_is_untagged_or_committed_and_nothing_else(
    autotag: Autotag, acme: VirtualInstance, make: Factory, sessions: sessionmaker[Session]
) -> None:
    of_first, of_second, of_none = (tagged(make, acme) for _ in range(3))
    with sessions() as session, unit_of_work(session) as work:
        for run_id, document in ((1, of_first), (2, of_second)):
            work.session.add(
                TaggingRun(id=run_id, instance_id=acme.id, scope="all", state=RunState.FINISHED, total=1)
            )
            work.session.flush()
            work.session.add(
                TaggingRunItem(
                    instance_id=acme.id,
                    run_id=run_id,
                    document_id=document.id,
                    state=RunItemState.DONE,
                    previous_state=TaggingState.NO_TAGS,
                )
            )
            work.session.execute(
                update(TagAssignment).where(TagAssignment.document_id == document.id).values(run_id=run_id)
            )
    committed = autotag("assets", "commit", "--instance", "acme", "--run", 1)
    assert (committed.exit_code, committed.stdout) == (0, "1 automatic tag of run 1 committed.\n")
    assert automatic(sessions) == [of_second.id, of_none.id]
    gone = autotag("assets", "untag", "--instance", "acme", "--run", 2, "--json")
    assert json.loads(gone.stdout) == {"run": 2, "state": "undone", "finished": True}
    assert automatic(sessions) == [of_none.id]


def test_the_status_counts_by_state_and_says_who_works(
    autotag: Autotag, acme: VirtualInstance, make: Factory, broker: Redis
) -> None:
    tagged(make, acme)
    make.document(acme, tagging_state=TaggingState.FAILED)
    make.document(acme, deleted_at=utc_now())
    tagged(make, make.instance("globex"))
    answer = json.loads(autotag("assets", "status", "--instance", "acme", "--json").stdout)
    assert answer["documents"] == 2
    assert {state: number for state, number in answer["states"].items() if number} == {
        "tagged": 1,
        "failed": 1,
    }
    assert answer["automatic_tags"] == {"tags": 1, "documents": 1}
    assert (answer["broker"], answer["workers"]) == (True, 0)
    shown = autotag("assets", "status", "--instance", "acme").stdout.splitlines()
    assert shown[0] == "2 files in acme"
    assert shown[-1] == "0 workers and 0 schedulers at work"


def test_what_was_lost_on_the_way_is_handed_out_again(
    autotag: Autotag,
    acme: VirtualInstance,
    make: Factory,
    queue: TaggingQueue,
    sessions: sessionmaker[Session],
) -> None:
    make.document(acme)
    make.document(
        acme, tagging_state=TaggingState.RUNNING, tagging_claim="dead/1", tagging_lease_until=utc_now()
    )
    make.document(make.instance("globex"))
    result = autotag("assets", "reconcile", "--instance", "acme", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"taken_back": 1, "handed_out": 2, "queued": 2}
    assert queue.waiting() == 1
    statement = select(Document.instance_id).where(Document.tagging_enqueued_at.is_not(None))
    with sessions() as session:
        assert session.scalars(statement).all() == [acme.id, acme.id]


def test_a_broker_that_is_away_is_one_line(autotag: Autotag, acme: VirtualInstance) -> None:
    away = {"AUTOTAG_REDIS_URL": "unix:///nowhere/broker.sock"}
    result = autotag("assets", "reconcile", "--instance", "acme", **away)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: The broker does not answer, so nothing can be handed out. It runs with: autotag up\n"
    )
    status = autotag("assets", "status", "--instance", "acme", **away)
    assert status.exit_code == 0
    assert "The broker does not answer" in status.stdout
