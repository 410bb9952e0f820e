from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from autotag.models import Document, RunItemState, RunState, TaggingRun, TaggingRunItem
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.runs.dispatch import WINDOW
from autotag.tagging.runs.lifecycle import cancel_run, undo_run
from autotag.tagging.runs.progress import (
    RunProgress,
    list_failures,
    list_runs,
    list_tagged,
    progress_of,
)
from tests.unit.tagging.conftest import Library, enable_tensorflow


def progress(library: Library, run: TaggingRun) -> RunProgress:
    with library.sessions() as session:
        return progress_of(session, library.run(run))


def test_the_counts_are_exact_and_add_up(library: Library) -> None:
    documents = [library.document() for _ in range(WINDOW + 6)]
    run = library.start()
    (held,) = library.take(documents[0])
    library.record(held, library.conclude(held))
    library.change(
        documents[-1],
        lambda work, found: work.session.execute(delete(Document).where(Document.id == found.id)),
    )
    counts = progress(library, run).counts
    assert (counts.total, counts.done, counts.failed, counts.left_out) == (WINDOW + 6, 1, 0, 1)
    assert counts.left == WINDOW + 4
    assert counts.finished + counts.left == counts.total


@pytest.mark.parametrize(("number", "known"), [(2, False), (10, True)])
def test_the_rate_is_of_the_last_half_minute(library: Library, number: int, known: bool) -> None:
    for _ in range(WINDOW + 20):
        library.document()
    run = library.start()
    library.work()
    with library.sessions() as session, unit_of_work(session) as work:
        now = utc_now()
        items = update(TaggingRunItem).where(TaggingRunItem.run_id == run.id)
        work.session.execute(items.values(finished_at=now - timedelta(minutes=5)))
        recent = library.document_of(number).id
        work.session.execute(
            items.where(TaggingRunItem.document_id <= recent).values(finished_at=now - timedelta(seconds=10))
        )
    found = progress(library, run)
    assert (found.rate is not None) == known
    if known:
        assert found.rate == pytest.approx(1.0, rel=0.2)
        assert found.seconds_left == pytest.approx(20, rel=0.2)


def test_why_a_run_waits_is_told(library: Library) -> None:
    for _ in range(WINDOW + 2):
        library.document()
    run = library.start()
    held, *_ = library.take()
    later = utc_now() + timedelta(hours=1)
    library.record(held, library.conclude(held, wait_until=later))
    assert progress(library, run).waits == (("Google is away.", 1),)
    enable_tensorflow(library.sessions, library.instance.id, on=False)
    (refusal, waiting), _ = progress(library, run).waits
    assert (refusal.startswith("No image auto tagging provider is enabled"), waiting) == (True, 2)
    library.act(cancel_run, run)
    assert progress(library, run).waits == ()


def test_what_changes_by_itself_is_looked_at_again(library: Library) -> None:
    documents = [library.document() for _ in range(2)]
    run = library.start()
    assert progress(library, run).is_changing
    (held,) = library.take(documents[0])
    library.act(cancel_run, run)
    assert progress(library, run).is_changing
    library.record(held, library.conclude(held))
    assert not progress(library, run).is_changing
    library.act(undo_run, run)
    undone = progress(library, run)
    assert (undone.is_undoing, undone.is_changing, undone.counts.undone) == (False, False, 1)


def test_what_it_tagged_is_listed_without_what_went_since(library: Library) -> None:
    documents = [library.document() for _ in range(4)]
    run = library.start()
    library.go_on()
    library.change(documents[0], lambda _, found: setattr(found, "deleted_at", utc_now()))
    library.remove(documents[1], "cat")
    with library.sessions() as session:
        listed = list_tagged(session, run)
        assert [document.id for document in listed] == [document.id for document in documents[2:]]
        assert list_tagged(session, run, after_id=documents[2].id, limit=1)[0].id == documents[3].id
        assert list_failures(session, run) == []


def test_a_list_counts_failures_of_all_and_progress_of_those_under_way(library: Library) -> None:
    library.document()
    first = library.start()
    library.go_on()
    second = library.start()
    with library.sessions() as session:
        newest, oldest = list_runs(session, library.instance.id)
    assert (newest.run.id, newest.counts.by_state) == (second.id, {RunItemState.QUEUED: 1})
    assert (oldest.run.id, oldest.run.state, oldest.counts.by_state) == (first.id, RunState.FINISHED, {})
    with library.sessions() as session:
        assert list_runs(session, library.instance.id, before_id=first.id) == []
        assert list_runs(session, library.instance.id + 1) == []
