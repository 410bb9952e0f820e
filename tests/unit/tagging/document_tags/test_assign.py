"""What people do with tags: behaviour 4 of the design, rule by rule."""

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.search import matching_ids
from autotag.models import (
    AssignmentSource,
    Document,
    Tag,
    TagAssignment,
    TaggingState,
    TagRejection,
    VirtualInstance,
)
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags, commit_tags, remove_tags, replace_tags, untag
from autotag.tagging.tags.names import TaggingRefused
from tests.unit.conftest import Factory

AUTO, MANUAL = AssignmentSource.AUTO, AssignmentSource.MANUAL


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def document(make: Factory, acme: VirtualInstance) -> Document:
    return make.document(acme, tagging_state=TaggingState.TAGGED)


def tags(session: Session, document: Document) -> dict[str, AssignmentSource]:
    rows = session.execute(
        select(Tag.name, TagAssignment.source)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(TagAssignment.document_id == document.id)
    )
    return {row.name: row.source for row in rows}


def removed(session: Session, document: Document) -> list[str]:
    return list(
        session.scalars(select(TagRejection.normalized_name).where(TagRejection.document_id == document.id))
    )


def test_a_removed_tag_is_remembered_and_adding_it_by_hand_forgets_that(
    session: Session, make: Factory, document: Document
) -> None:
    make.tag(document, "tabby", source=AUTO, confidence=0.9)
    with unit_of_work(session) as work:
        remove_tags(work, document.instance_id, [document.id], ["TABBY"], user_id=None)
    assert tags(session, document) == {}
    assert removed(session, document) == ["tabby"]
    with unit_of_work(session) as work:
        add_tags(work, document.instance_id, [document.id], ["Tabby"], user_id=None)
    assert tags(session, document) == {"tabby": MANUAL}
    assert removed(session, document) == []


def test_an_automatic_tag_that_is_added_by_hand_is_manual_and_keeps_its_confidence(
    session: Session, make: Factory, document: Document
) -> None:
    make.tag(document, "cat", source=AUTO, confidence=0.9)
    with unit_of_work(session) as work:
        add_tags(work, document.instance_id, [document.id], ["Cat", "pet"], user_id=None)
    assert tags(session, document) == {"cat": MANUAL, "pet": MANUAL}
    assert session.scalar(select(TagAssignment.confidence).where(TagAssignment.confidence > 0)) == 0.9


def test_replacing_leaves_just_the_new_tags_and_remembers_the_others(
    session: Session, make: Factory, document: Document
) -> None:
    make.tag(document, "cat", source=AUTO, confidence=0.9)
    make.tag(document, "dog")
    with unit_of_work(session) as work:
        replace_tags(work, document.instance_id, [document.id], ["dog", "pet"], user_id=None)
    assert tags(session, document) == {"dog": MANUAL, "pet": MANUAL}
    assert removed(session, document) == ["cat"]


def test_untag_takes_automatic_tags_only_and_forgets_none(
    session: Session, make: Factory, document: Document
) -> None:
    make.tag(document, "cat", source=AUTO, confidence=0.9)
    make.tag(document, "mine")
    with unit_of_work(session) as work:
        assert untag(work, document.instance_id, [document.id]) == 1
    assert tags(session, document) == {"mine": MANUAL}
    assert removed(session, document) == []
    state = session.scalar(select(Document.tagging_state).where(Document.id == document.id))
    assert state is TaggingState.NO_TAGS


def test_commit_turns_automatic_tags_into_ordinary_ones(
    session: Session, make: Factory, document: Document
) -> None:
    make.tag(document, "cat", source=AUTO, confidence=0.9)
    with unit_of_work(session) as work:
        assert commit_tags(work, document.instance_id, [document.id], user_id=None) == 1
        assert untag(work, document.instance_id, [document.id]) == 0
    assert tags(session, document) == {"cat": MANUAL}


def test_a_name_that_is_refused_changes_nothing(session: Session, make: Factory, document: Document) -> None:
    make.tag(document, "cat")
    with pytest.raises(TaggingRefused), unit_of_work(session) as work:
        replace_tags(work, document.instance_id, [document.id], ["good", "bad/name"], user_id=None)
    assert tags(session, document) == {"cat": MANUAL}


def test_another_instances_document_is_left_alone(
    session: Session, make: Factory, document: Document
) -> None:
    theirs = make.document(make.instance("globex"))
    make.tag(theirs, "secret", source=AUTO, confidence=0.9)
    with unit_of_work(session) as work:
        for change in (add_tags, remove_tags, replace_tags):
            change(work, document.instance_id, [theirs.id], ["secret"], user_id=None)
        untag(work, document.instance_id, [theirs.id])
        commit_tags(work, document.instance_id, [theirs.id], user_id=None)
    assert tags(session, theirs) == {"secret": AUTO}


def test_what_changes_is_found_by_its_tags_at_once(
    session: Session, make: Factory, document: Document
) -> None:
    def found(word: str) -> list[int]:
        statement = matching_ids(session, document.instance_id, word)
        assert statement is not None
        return list(session.scalars(statement))

    with unit_of_work(session) as work:
        add_tags(work, document.instance_id, [document.id], ["lighthouse"], user_id=None)
    assert found("light") == [document.id]
    with unit_of_work(session) as work:
        remove_tags(work, document.instance_id, [document.id], ["lighthouse"], user_id=None)
    assert found("light") == []


def test_two_people_who_edit_at_once_both_keep_their_edits(
    sessions: sessionmaker[Session], session: Session, make: Factory, document: Document
) -> None:
    make.tag(document, "old")
    together = threading.Barrier(2)

    def edit(number: int) -> None:
        with sessions() as own:
            together.wait(10)
            with unit_of_work(own) as work:
                add_tags(work, document.instance_id, [document.id], [f"mine {number}"], user_id=None)
                if number:
                    remove_tags(work, document.instance_id, [document.id], ["old"], user_id=None)

    people = [threading.Thread(target=edit, args=(number,)) for number in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert tags(session, document) == {"mine 0": MANUAL, "mine 1": MANUAL}
