import pytest
from sqlalchemy import select

from autotag.media.library import search
from autotag.models import RunItemState, RunState, TagAssignment, TaggingState, TagRejection
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import commit_tags, untag
from autotag.tagging.runs import lifecycle
from autotag.tagging.runs import scheduler_step as run_tending
from autotag.tagging.runs.lifecycle import undo_run
from autotag.tagging.runs.scheduler_step import tend_runs
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.tagging.conftest import Library

BOTH = [("cat", 0.9), ("dog", 0.8)]


def test_what_the_run_added_goes_and_the_library_is_as_before(library: Library) -> None:
    plain = library.document(TaggingState.SKIPPED, tagging_reason_code="off", tagging_reason="It was off.")
    tagged = library.document(TaggingState.QUEUED)
    library.work([("cat", 0.9)])
    run = library.start()
    library.go_on(BOTH)
    assert library.tags(tagged) == {"cat": "auto", "dog": "auto"}
    library.act(undo_run, run)
    assert (library.tags(plain), library.tags(tagged)) == ({}, {"cat": "auto"})
    found = library.look(plain)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.SKIPPED, "off")
    assert (found.tagging_reason, found.tagging_run_id) == ("It was off.", None)
    assert library.look(tagged).tagging_state is TaggingState.TAGGED
    assert library.items(run) == {RunItemState.UNDONE: 2}
    assert library.run(run).state is RunState.UNDONE
    assert library.run(run).finished_at is not None


def test_tags_that_the_run_brought_go_unless_somebody_uses_them(library: Library) -> None:
    document, other = library.document(), library.document()
    library.add(library.document(), "bird")
    run = library.start(document)
    library.go_on([*BOTH, ("bird", 0.7)])
    library.add(other, "dog")
    assert library.all_tags() == ["bird", "cat", "dog"]
    library.act(undo_run, run)
    assert library.all_tags() == ["bird", "dog"]


def test_what_people_did_meanwhile_stays(library: Library) -> None:
    documents = [library.document() for _ in range(4)]
    run = library.start()
    library.go_on(BOTH)
    library.add(documents[0], "cat", "mine")
    library.remove(documents[1], "dog")
    with library.sessions() as session, unit_of_work(session) as work:
        commit_tags(work, library.instance.id, [documents[2].id], user_id=None)
        untag(work, library.instance.id, [documents[3].id])
    library.act(undo_run, run)
    assert library.tags(documents[0]) == {"cat": "manual", "mine": "manual"}
    assert library.tags(documents[1]) == {}
    assert library.tags(documents[2]) == {"cat": "manual", "dog": "manual"}
    with library.sessions() as session:
        assert session.scalars(select(TagRejection.normalized_name)).all() == ["dog"]
    # A person changed this state since, so it is not taken back.
    assert library.look(documents[3]).tagging_reason_code == "untagged"


def test_the_search_forgets_what_went(library: Library) -> None:
    library.document()
    run = library.start()
    library.go_on([("lighthouse", 0.9)])

    def found() -> list[int]:
        with library.sessions() as session:
            statement = search.matching_ids(session, library.instance.id, "lighthouse")
            assert statement is not None
            return list(session.scalars(statement))

    assert len(found()) == 1
    library.act(undo_run, run)
    assert found() == []


def test_undoing_takes_nothing_of_another_run(library: Library) -> None:
    document = library.document()
    first = library.start()
    library.go_on([("cat", 0.9)])
    second = library.start()
    library.go_on(BOTH)
    library.act(undo_run, first)
    assert library.tags(document) == {"dog": "auto"}
    assert library.look(document).tagging_run_id == second.id
    library.act(undo_run, second)
    assert library.tags(document) == {}


def test_a_document_that_a_later_run_found_tagged_is_not_left_tagged_without_tags(library: Library) -> None:
    document = library.document()
    first = library.start()
    library.go_on()
    library.start()
    library.go_on()
    library.act(undo_run, first)
    found = library.look(document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.NO_TAGS, "run_undone")


def test_a_run_under_way_is_stopped_first_and_what_is_in_hand_is_undone_when_it_is_done(
    library: Library,
) -> None:
    documents = [library.document() for _ in range(3)]
    run = library.start()
    held, other = library.take(*documents[:2])
    library.record(held, library.conclude(held))
    library.act(undo_run, run)
    assert library.items(run) == {
        RunItemState.UNDONE: 1,
        RunItemState.QUEUED: 1,
        RunItemState.WAITING: 1,
    }
    assert library.run(run).finished_at is None
    assert library.look(documents[2]).tagging_state is TaggingState.NO_TAGS
    assert library.record(other, library.conclude(other))
    tend_runs(library.sessions)
    assert library.run(run).finished_at is not None
    assert [library.tags(document) for document in documents] == [{}] * 3
    assert library.all_tags() == []


def test_a_large_run_is_undone_a_part_at_a_time_and_an_interruption_loses_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [library.document() for _ in range(10)]
    run = library.start()
    library.go_on()
    monkeypatch.setattr(lifecycle, "CHUNK", 3)
    monkeypatch.setattr(run_tending, "CHUNK", 3)
    monkeypatch.setattr(run_tending, "PATIENCE_SECONDS", 0.0)
    library.act(undo_run, run)
    assert library.items(run) == {RunItemState.UNDONE: 3, RunItemState.DONE: 7}
    with library.sessions() as session:
        assert len(session.scalars(select(TagAssignment.id)).all()) == 7
    monkeypatch.setattr(run_tending, "PATIENCE_SECONDS", 10.0)
    tend_runs(library.sessions)
    tend_runs(library.sessions)
    assert library.items(run) == {RunItemState.UNDONE: 10}
    assert library.run(run).finished_at is not None
    assert {library.look(document).tagging_state for document in documents} == {TaggingState.NO_TAGS}


def test_undoing_twice_does_no_harm_and_an_undone_run_is_over(library: Library) -> None:
    library.document()
    run = library.start()
    library.go_on()
    library.act(undo_run, run)
    library.act(undo_run, run)
    assert library.run(run).finished_at is not None
    with pytest.raises(TaggingRefused, match="undone"):
        library.act(lifecycle.resume_run, run)
