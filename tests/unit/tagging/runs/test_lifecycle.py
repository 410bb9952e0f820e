import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import (
    Folder,
    RunItemState,
    RunScope,
    RunState,
    TagAssignment,
    TaggingAttempt,
    TaggingRun,
    TaggingState,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import untag
from autotag.tagging.runs.dispatch import WINDOW
from autotag.tagging.runs.lifecycle import (
    Covered,
    RunNotFound,
    cancel_run,
    count_covered,
    load_run,
    pause_run,
    resume_run,
    retry_failed,
    selection_of,
    start_run,
    undo_run,
)
from autotag.tagging.runs.scheduler_step import tend_runs
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library, enable_tensorflow

DONE, WAITING, QUEUED = RunItemState.DONE, RunItemState.WAITING, RunItemState.QUEUED
FAILED, LEFT_OUT = RunItemState.FAILED, RunItemState.LEFT_OUT


def test_a_run_tags_what_it_covers_and_finishes(library: Library) -> None:
    documents = [library.document() for _ in range(3)]
    run = library.start()
    assert (run.state, run.total, run.covers) == (RunState.RUNNING, 3, "these")
    assert library.queued() == [document.id for document in documents]
    library.go_on()
    assert [library.tags(document) for document in documents] == [{"cat": "auto"}] * 3
    assert library.items(run) == {DONE: 3}
    ended = library.run(run)
    assert ended.state is RunState.FINISHED
    assert ended.finished_at is not None


def test_what_it_wrote_names_the_run(library: Library) -> None:
    document = library.document()
    run = library.start()
    library.go_on()
    with library.sessions() as session:
        assert session.scalars(select(TagAssignment.run_id)).all() == [run.id]
        assert session.scalars(select(TaggingAttempt.run_id)).all() == [run.id]
    found = library.look(document)
    assert (found.tagging_run_id, found.tagging_requested) == (run.id, False)


def test_tagging_again_only_adds(library: Library) -> None:
    document = library.document()
    library.add(document, "mine")
    library.start()
    library.go_on([("Mine", 0.9), ("dog", 0.8)])
    assert library.tags(document) == {"mine": "manual", "dog": "auto"}
    library.start()
    library.go_on([("Mine", 0.9), ("dog", 0.8), ("cat", 0.7)])
    assert library.tags(document) == {"mine": "manual", "dog": "auto", "cat": "auto"}


def test_a_document_that_has_it_all_already_is_tagged_and_not_without_tags(library: Library) -> None:
    document = library.document()
    library.start()
    library.go_on()
    library.start()
    library.go_on()
    found = library.look(document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.TAGGED, "already_there")
    assert library.tags(document) == {"cat": "auto"}


def test_what_a_person_took_off_does_not_return_and_what_they_add_by_hand_is_theirs(library: Library) -> None:
    document = library.document()
    library.start()
    library.go_on([("tabby", 0.9)])
    library.remove(document, "tabby")
    library.start()
    library.go_on([("tabby", 0.9)])
    assert library.tags(document) == {}
    library.add(document, "tabby")
    library.start()
    library.go_on([("tabby", 0.9)])
    assert library.tags(document) == {"tabby": "manual"}
    with library.sessions() as session, unit_of_work(session) as work:
        untag(work, library.instance.id, [document.id])
    assert library.tags(document) == {"tabby": "manual"}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [(RunScope.UNTAGGED, ["bare"]), (RunScope.ALL, ["bare", "mine", "theirs"])],
)
def test_the_scopes_of_everything(
    library: Library, scope: RunScope, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library.document(title="bare")
    for title in ("mine", "theirs"):
        library.add(library.document(title=title), "a tag")
    library.document(title="binned", deleted_at=utc_now())
    library.document(title="text", mime_type="text/plain")
    library.make.document(library.make.instance(), tagging_state=TaggingState.NO_TAGS)
    with library.sessions() as session:
        assert count_covered(session, library.instance.id)[scope] == Covered(len(expected), False)
        monkeypatch.setattr("autotag.tagging.runs.lifecycle.LOOKED_AT", 2)
        few = count_covered(session, library.instance.id)[scope]
    assert few.is_least
    assert few.images <= 2
    run = library.start(scope=scope)
    assert run.total == len(expected)
    library.go_on()
    assert library.items(run) == {DONE: len(expected)}


def test_a_folder_includes_what_lies_below_it(library: Library) -> None:
    with library.sessions() as session, unit_of_work(session) as work:
        top = Folder(instance_id=library.instance.id, name="Top", normalized_name="top")
        work.session.add(top)
        work.session.flush()
        below = Folder(
            instance_id=library.instance.id, parent_id=top.id, name="Below", normalized_name="below"
        )
        work.session.add(below)
    inside = [library.document(folder_id=top.id), library.document(folder_id=below.id)]
    library.document()
    library.start(scope=RunScope.FOLDER, selection=selection_of(RunScope.FOLDER, top.id))
    assert library.queued() == [document.id for document in inside]


def test_what_is_no_image_is_left_out_of_a_selection_and_stays_as_it_is(library: Library) -> None:
    image = library.document()
    text = library.document(TaggingState.SKIPPED, mime_type="text/plain", tagging_reason="No image.")
    run = library.start(image, text)
    assert run.total == 2
    library.go_on()
    assert library.items(run) == {DONE: 1, LEFT_OUT: 1}
    assert library.look(text).tagging_reason == "No image."


@pytest.mark.parametrize("scope", list(RunScope))
def test_a_run_over_nothing_is_refused_in_a_sentence(library: Library, scope: RunScope) -> None:
    elsewhere = library.make.document(library.make.instance(), tagging_state=TaggingState.NO_TAGS)
    library.document(mime_type="text/plain")
    library.document(deleted_at=utc_now())
    selection = Selection((elsewhere.id,)) if scope is RunScope.SELECTION else selection_of(scope, 1)
    with pytest.raises(TaggingRefused) as refused:
        library.start(scope=scope, selection=selection)
    assert refused.value.code == "nothing_to_tag"
    assert refused.value.message.endswith(".")
    with library.sessions() as session:
        assert session.scalars(select(TaggingRun)).all() == []


def test_the_recycle_bin_cannot_be_chosen(library: Library) -> None:
    library.document(deleted_at=utc_now())
    with pytest.raises(TaggingRefused):
        library.start(scope=RunScope.SELECTION, selection=Selection(query=DocumentQuery(in_bin=True)))


def test_a_run_is_refused_while_no_setting_lets_anything_be_tagged(library: Library) -> None:
    library.document()
    enable_tensorflow(library.sessions, library.instance.id, on=False)
    with pytest.raises(TaggingRefused) as refused:
        library.start()
    assert refused.value.code == "switched_off"
    assert "provider is enabled" in refused.value.message


def test_an_upload_on_its_way_waits_for_its_turn_in_a_run_and_needs_none_in_one_over_what_has_no_tags(
    library: Library,
) -> None:
    upload = library.document(TaggingState.QUEUED)
    with pytest.raises(TaggingRefused):
        library.start(scope=RunScope.UNTAGGED)
    run = library.start()
    assert library.items(run) == {WAITING: 1}
    assert library.look(upload).tagging_run_id is None
    library.go_on()
    assert library.items(run) == {DONE: 1}
    assert library.look(upload).tagging_run_id == run.id
    library.act(undo_run, run)
    assert library.tags(upload) == {"cat": "auto"}  # the upload's own tag
    assert library.look(upload).tagging_state is TaggingState.TAGGED


def test_two_runs_over_the_same_document_take_it_one_after_the_other(library: Library) -> None:
    library.document()
    first, second = library.start(), library.start()
    assert (library.items(first), library.items(second)) == ({QUEUED: 1}, {WAITING: 1})
    library.go_on()
    assert (library.items(first), library.items(second)) == ({DONE: 1}, {DONE: 1})


def test_a_paused_run_gives_back_what_nobody_has_in_hand(library: Library) -> None:
    documents = [library.document(TaggingState.SKIPPED, tagging_reason="It was off.") for _ in range(3)]
    run = library.start()
    (held,) = library.take(documents[0])
    library.act(pause_run, run)
    assert library.items(run) == {QUEUED: 1, WAITING: 2}
    for document in documents[1:]:
        found = library.look(document)
        assert (found.tagging_state, found.tagging_reason) == (TaggingState.SKIPPED, "It was off.")
        assert (found.tagging_run_id, found.tagging_requested) == (None, False)
    assert library.record(held, library.conclude(held))
    assert library.items(run) == {DONE: 1, WAITING: 2}
    assert tend_runs(library.sessions) == 0
    library.act(pause_run, run)
    library.act(resume_run, run)
    library.go_on()
    assert library.items(run) == {DONE: 3}
    with library.sessions() as session:
        assert len(session.scalars(select(TaggingAttempt)).all()) == 3


def test_a_cancelled_run_keeps_what_it_did_and_can_be_resumed_for_the_rest(library: Library) -> None:
    documents = [library.document() for _ in range(WINDOW + 6)]
    run = library.start()
    assert library.work() == WINDOW
    library.act(cancel_run, run)
    library.go_on()
    assert library.items(run) == {DONE: WINDOW, WAITING: 6}
    assert library.run(run).finished_at is not None
    assert sum(bool(library.tags(document)) for document in documents) == WINDOW
    library.act(resume_run, run)
    assert library.run(run).finished_at is None
    assert len(library.queued()) == 6
    library.go_on()
    assert library.run(run).state is RunState.FINISHED


@pytest.mark.parametrize("action", [pause_run, resume_run, cancel_run])
def test_what_is_over_cannot_be_stopped(library: Library, action: object) -> None:
    library.document()
    run = library.start()
    library.go_on()
    with pytest.raises(TaggingRefused) as refused:
        library.act(action, run)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.message) == ("run_state", "This run has finished.")
    assert library.run(run).state is RunState.FINISHED


def test_the_maximum_counts_the_automatic_tags_that_are_there(library: Library) -> None:
    document = library.document(TaggingState.QUEUED)
    library.work([("cat", 0.9)])
    library.add(document, "mine")
    library.limit_tags(2)
    library.start()
    library.go_on([("dog", 0.9), ("bird", 0.8), ("fish", 0.7)])
    assert library.tags(document) == {"cat": "auto", "dog": "auto", "mine": "manual"}
    library.start()
    library.go_on([("bird", 0.8)])
    assert library.tags(document) == {"cat": "auto", "dog": "auto", "mine": "manual"}
    assert library.look(document).tagging_state is TaggingState.TAGGED


def test_what_a_person_does_while_the_image_is_in_hand_counts(library: Library) -> None:
    document = library.document(TaggingState.QUEUED)
    (held,) = library.take()
    library.add(document, "cat", "dog")
    library.remove(document, "dog")
    outcome = library.conclude(held, [("cat", 0.9), ("dog", 0.8), ("bird", 0.7)])
    assert library.record(held, outcome)
    assert library.tags(document) == {"bird": "auto", "cat": "manual"}


def test_the_failed_ones_are_tried_again(library: Library) -> None:
    documents = [library.document() for _ in range(2)]
    run = library.start()
    for held in library.take():
        outcome = library.conclude(held)
        library.record(held, type(outcome)(TaggingState.FAILED, "bad_image", "It is broken."))
    tend_runs(library.sessions)
    assert (library.items(run), library.run(run).state) == ({FAILED: 2}, RunState.FINISHED)
    library.act(retry_failed, run, documents[0].id)
    assert library.run(run).state is RunState.RUNNING
    library.go_on()
    assert library.items(run) == {DONE: 1, FAILED: 1}
    library.act(retry_failed, run)
    library.go_on()
    assert (library.items(run), library.run(run).state) == ({DONE: 2}, RunState.FINISHED)
    library.act(undo_run, run)
    assert library.look(documents[0]).tagging_state is TaggingState.NO_TAGS


def test_the_failed_ones_of_a_cancelled_run_wait_for_it(library: Library) -> None:
    library.document()
    run = library.start()
    library.act(cancel_run, run)
    with pytest.raises(TaggingRefused, match="cancelled"):
        library.act(retry_failed, run)


def test_another_instances_run_is_none(library: Library, session: Session, make: Factory) -> None:
    library.document()
    run = library.start()
    stranger = make.instance()
    for run_id in (run.id, run.id + 1, 0, 2**40):
        with pytest.raises(RunNotFound):
            load_run(session, stranger.id, run_id)
    with pytest.raises(RunNotFound), unit_of_work(session) as work:
        cancel_run(work, stranger.id, run.id)
    assert library.run(run).state is RunState.RUNNING


def test_a_long_name_for_what_it_covers_is_cut(sessions: sessionmaker[Session], library: Library) -> None:
    library.document()
    with sessions() as session, unit_of_work(session) as work:
        run = start_run(
            work,
            library.instance.id,
            scope=RunScope.ALL,
            selection=selection_of(RunScope.ALL),
            covers="x" * 400,
            user_id=None,
        )
    assert run.covers == "x" * 255
