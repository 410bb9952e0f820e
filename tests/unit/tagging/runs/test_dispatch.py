from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from autotag.models import Document, RunItemState, RunScope, RunState, TaggingState
from autotag.models.base import utc_now
from autotag.models.tagging_run import item_state
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.runs.dispatch import WINDOW
from autotag.tagging.runs.lifecycle import cancel_run, pause_run, resume_run
from autotag.tagging.runs.scheduler_step import tend_runs
from autotag.tagging.uploads.new_version import tag_new_version
from tests.unit.tagging.conftest import Library

DONE, WAITING, QUEUED = RunItemState.DONE, RunItemState.WAITING, RunItemState.QUEUED
FAILED, LEFT_OUT = RunItemState.FAILED, RunItemState.LEFT_OUT


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (TaggingState.TAGGED, DONE),
        (TaggingState.NO_TAGS, DONE),
        (TaggingState.SKIPPED, DONE),
        (TaggingState.FAILED, FAILED),
        (TaggingState.QUARANTINED, FAILED),
    ],
)
def test_how_a_document_counts_in_a_run(state: TaggingState, expected: RunItemState) -> None:
    assert item_state(state) is expected


def test_a_window_is_handed_out_at_a_time(library: Library) -> None:
    for _ in range(WINDOW + 10):
        library.document()
    run = library.start()
    assert library.items(run) == {QUEUED: WINDOW, WAITING: 10}
    assert tend_runs(library.sessions) == 0
    library.take(*[library.document_of(one) for one in library.queued()[:4]])
    assert tend_runs(library.sessions) == 4
    assert library.items(run) == {QUEUED: WINDOW + 4, WAITING: 6}


def test_what_got_into_the_bin_meanwhile_is_left_out(library: Library) -> None:
    documents = [library.document() for _ in range(WINDOW + 1)]
    run = library.start()
    for document in (documents[0], documents[-1]):
        library.change(document, lambda _, found: setattr(found, "deleted_at", utc_now()))
    library.go_on()
    assert library.items(run) == {DONE: WINDOW - 1, LEFT_OUT: 2}
    assert library.run(run).state is RunState.FINISHED
    found = library.look(documents[0])
    assert (found.tagging_state, found.tagging_run_id) == (TaggingState.NO_TAGS, None)


def test_what_is_deleted_for_good_is_gone_from_the_run(library: Library) -> None:
    documents = [library.document() for _ in range(2)]
    run = library.start()
    library.change(
        documents[0],
        lambda work, found: work.session.execute(delete(Document).where(Document.id == found.id)),
    )
    library.go_on()
    assert (library.items(run), library.run(run).state) == ({DONE: 1}, RunState.FINISHED)


def test_what_got_tags_meanwhile_is_left_out_of_a_run_over_what_has_none(library: Library) -> None:
    for _ in range(WINDOW):
        library.document()
    last = library.document()
    run = library.start(scope=RunScope.UNTAGGED)
    library.add(last, "mine")
    library.go_on()
    assert library.items(run) == {DONE: WINDOW, LEFT_OUT: 1}
    assert library.tags(last) == {"mine": "manual"}


def test_a_run_of_which_a_document_got_a_new_version_tags_the_new_one(library: Library) -> None:
    document = library.document()
    run = library.start()
    (held,) = library.take()

    def replace_content(work: UnitOfWork, found: Document) -> None:
        found.sha256 = "f" * 64
        tag_new_version(work, found)

    library.change(document, replace_content)
    assert not library.record(held, library.conclude(held))
    library.go_on([("dog", 0.9)])
    assert library.tags(document) == {"dog": "auto"}
    assert library.items(run) == {DONE: 1}


def test_a_document_that_something_else_took_waits_until_it_is_free(library: Library) -> None:
    document = library.document()
    run = library.start()
    library.change(document, lambda _, found: setattr(found, "tagging_run_id", None))
    tend_runs(library.sessions)
    assert library.items(run) == {WAITING: 1}
    library.go_on()
    assert library.items(run) == {DONE: 1}
    assert library.look(document).tagging_run_id == run.id


def test_a_document_that_was_set_aside_without_an_outcome_counts_as_failed(library: Library) -> None:
    document = library.document()
    run = library.start()
    library.change(document, lambda _, found: setattr(found, "tagging_worker_deaths", 2))
    library.take()
    release_claims_of(library.sessions, "worker-1")
    assert library.look(document).tagging_state is TaggingState.QUARANTINED
    tend_runs(library.sessions)
    assert library.items(run) == {FAILED: 1}
    tend_runs(library.sessions)
    assert library.run(run).state is RunState.FINISHED


def test_a_worker_that_died_loses_nothing_of_a_run(library: Library) -> None:
    for _ in range(4):
        library.document()
    run = library.start()
    library.take()
    release_claims_of(library.sessions, "worker-1")
    for document_id in library.queued():
        (held,) = library.take(library.document_of(document_id))
        library.record(held, library.conclude(held))
    library.go_on()
    assert (library.items(run), library.run(run).state) == ({DONE: 4}, RunState.FINISHED)


def test_tags_of_an_attempt_that_waits_go_when_the_run_stops(library: Library) -> None:
    document = library.document()
    run = library.start()
    (held,) = library.take()
    later = utc_now() + timedelta(hours=1)
    library.record(held, library.conclude(held, wait_until=later))
    assert library.tags(document) == {"cat": "auto"}
    library.act(cancel_run, run)
    assert (library.tags(document), library.items(run)) == ({}, {WAITING: 1})
    library.act(resume_run, run)
    library.go_on([("dog", 0.9)])
    assert library.tags(document) == {"dog": "auto"}


def test_what_waits_with_a_part_of_its_tags_lets_others_go_on_and_what_waits_for_all_does_not(
    library: Library,
) -> None:
    for _ in range(WINDOW * 2):
        library.document()
    run = library.start()
    later = utc_now() + timedelta(hours=1)
    for held in library.take():
        library.record(held, library.conclude(held, wait_until=later))
    assert tend_runs(library.sessions) == WINDOW
    library.act(pause_run, run)
    library.act(resume_run, run)
    for document_id in library.queued():
        library.change(
            library.document_of(document_id), lambda _, found: setattr(found, "tagging_not_before", later)
        )
    assert tend_runs(library.sessions) == 0
    assert library.items(run) == {QUEUED: WINDOW, WAITING: WINDOW}


def test_a_document_goes_back_to_the_state_it_had_when_its_turn_came(library: Library) -> None:
    documents = [library.document() for _ in range(WINDOW + 1)]
    run = library.start()
    library.change(documents[-1], lambda _, found: setattr(found, "tagging_reason", "Since the start."))
    library.work()
    tend_runs(library.sessions)
    library.act(cancel_run, run)
    assert library.look(documents[-1]).tagging_reason == "Since the start."


def test_attempts_begin_anew_and_deaths_are_remembered(library: Library) -> None:
    document = library.document(TaggingState.QUARANTINED, tagging_attempts=6, tagging_crashes=2)
    library.start()
    with library.sessions() as session:
        found = session.execute(
            select(Document.tagging_attempts, Document.tagging_crashes).where(Document.id == document.id)
        ).one()
    assert tuple(found) == (0, 2)
