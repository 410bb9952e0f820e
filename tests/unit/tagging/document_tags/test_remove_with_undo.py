from dataclasses import replace

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import DocumentNotFound
from autotag.media.library.library import load_summary
from autotag.media.library.search import matching_ids
from autotag.models import (
    AssignmentSource,
    Document,
    RunScope,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingRun,
    TaggingState,
    TagRejection,
    User,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.document_tags.assign import add_tags
from autotag.tagging.document_tags.remove_with_undo import RemovedTag, put_back, remove_tag, untag_document
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def ann(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme)


@pytest.fixture
def document(session: Session, make: Factory, acme: VirtualInstance) -> Document:
    """With a manual tag, and an automatic one of a run's attempt."""
    document = make.document(acme, tagging_state=TaggingState.TAGGED)
    make.tag(document, "pet")
    with unit_of_work(session) as work:
        run = TaggingRun(instance_id=acme.id, scope=RunScope.ALL)
        attempt = TaggingAttempt(
            instance_id=acme.id, document_id=document.id, number=1, state=TaggingState.TAGGED
        )
        tag = Tag(instance_id=acme.id, name="Tabby", normalized_name="tabby")
        work.session.add_all([run, attempt, tag])
        work.session.flush()
        work.session.add(
            TagAssignment(
                instance_id=acme.id,
                document_id=document.id,
                tag_id=tag.id,
                source=AssignmentSource.AUTO,
                provider="tensorflow",
                model="toy",
                confidence=0.85,
                attempt_id=attempt.id,
                run_id=run.id,
            )
        )
    return document


def remove(session: Session, document: Document, name: str, user: User) -> RemovedTag | None:
    with unit_of_work(session) as work:
        return remove_tag(work, document.instance_id, document.id, name, user_id=user.id)


def undo(session: Session, document: Document, removed: RemovedTag) -> None:
    with unit_of_work(session) as work:
        put_back(work, document.instance_id, document.id, [removed])


def assignment(session: Session, name: str) -> TagAssignment | None:
    return session.scalar(select(TagAssignment).join(Tag).where(Tag.name == name))


def is_found(session: Session, document: Document, word: str) -> bool:
    condition = matching_ids(session, document.instance_id, word)
    assert condition is not None
    return session.scalar(select(Document.id).where(Document.id.in_(condition))) == document.id


def test_a_removed_tag_is_gone_remembered_and_told(session: Session, document: Document, ann: User) -> None:
    removed = remove(session, document, "TABBY", ann)
    assert removed is not None
    assert (removed.name, removed.source, removed.provider, removed.model, removed.confidence) == (
        "Tabby",
        AssignmentSource.AUTO,
        "tensorflow",
        "toy",
        0.85,
    )
    assert [tag.name for tag in load_summary(session, document.instance_id, document.id).tags] == ["pet"]
    rejection = session.scalars(select(TagRejection)).one()
    assert (rejection.normalized_name, rejection.created_by_id) == ("tabby", ann.id)
    assert not is_found(session, document, "tabby")


def test_what_is_undone_is_as_it_was_and_the_removal_is_forgotten(
    session: Session, document: Document, ann: User
) -> None:
    before = assignment(session, "Tabby")
    assert before is not None
    wanted = (before.source, before.provider, before.model, before.confidence)
    whence = (before.attempt_id, before.run_id, before.created_by_id)
    removed = remove(session, document, "tabby", ann)
    assert removed is not None
    undo(session, document, removed)
    after = assignment(session, "Tabby")
    assert after is not None
    assert (after.source, after.provider, after.model, after.confidence) == wanted
    assert (after.attempt_id, after.run_id, after.created_by_id) == whence
    assert session.scalars(select(TagRejection)).all() == []
    assert is_found(session, document, "tabby")


def test_a_manual_tag_comes_back_as_a_manual_one(session: Session, document: Document, ann: User) -> None:
    removed = remove(session, document, "pet", ann)
    assert removed is not None
    undo(session, document, removed)
    undo(session, document, removed)
    after = assignment(session, "pet")
    assert after is not None
    assert (after.source, after.provider) == (AssignmentSource.MANUAL, None)


def test_a_tag_that_somebody_added_meanwhile_stays_theirs(
    session: Session, document: Document, ann: User
) -> None:
    removed = remove(session, document, "tabby", ann)
    assert removed is not None
    with unit_of_work(session) as work:
        add_tags(work, document.instance_id, [document.id], ["tabby"], user_id=ann.id)
    undo(session, document, removed)
    after = assignment(session, "Tabby")
    assert after is not None
    assert (after.source, after.created_by_id) == (AssignmentSource.MANUAL, ann.id)


def test_a_tag_that_is_gone_from_the_instance_is_made_again(
    session: Session, document: Document, ann: User
) -> None:
    removed = remove(session, document, "tabby", ann)
    assert removed is not None
    with unit_of_work(session) as work:
        work.session.execute(delete(Tag).where(Tag.name == "Tabby"))
        work.session.execute(delete(TaggingRun))
    undo(session, document, replace(removed, created_by_id=4711))
    after = assignment(session, "Tabby")
    assert after is not None
    assert (after.confidence, after.run_id, after.created_by_id) == (0.85, None, None)


def test_what_is_not_there_is_not_removed(session: Session, document: Document, ann: User) -> None:
    assert remove(session, document, "dog", ann) is None
    assert remove(session, document, "", ann) is None
    assert session.scalars(select(TagRejection)).all() == []


def test_two_people_edit_at_once_and_both_edits_are_there(
    sessions: sessionmaker[Session], document: Document, ann: User
) -> None:
    """Each has read the page before the other one's edit."""
    with sessions() as one, sessions() as two:
        for session in (one, two):
            assert len(load_summary(session, document.instance_id, document.id).tags) == 2
            session.rollback()
        remove(one, document, "tabby", ann)
        with unit_of_work(two) as work:
            add_tags(work, document.instance_id, [document.id], ["garden"], user_id=ann.id)
        with unit_of_work(one) as work:
            add_tags(work, document.instance_id, [document.id], ["spring"], user_id=ann.id)
    with sessions() as session:
        names = {tag.name for tag in load_summary(session, document.instance_id, document.id).tags}
    assert names == {"pet", "garden", "spring"}


def test_another_instances_document_is_not_there(
    session: Session, make: Factory, document: Document, ann: User
) -> None:
    stranger = make.instance().id
    with pytest.raises(DocumentNotFound), unit_of_work(session) as work:
        remove_tag(work, stranger, document.id, "tabby", user_id=None)
    with pytest.raises(DocumentNotFound), unit_of_work(session) as work:
        put_back(work, stranger, document.id, [RemovedTag("tabby", AssignmentSource.MANUAL)])
    with unit_of_work(session) as work:
        work.session.get_one(Document, document.id).deleted_at = utc_now()
    with pytest.raises(DocumentNotFound):
        remove(session, document, "tabby", ann)


def test_untagging_is_undone_with_its_state(session: Session, document: Document) -> None:
    with unit_of_work(session) as work:
        removed = untag_document(work, document.instance_id, document.id)
    assert [one.name for one in removed] == ["Tabby"]
    assert session.get_one(Document, document.id).tagging_state is TaggingState.NO_TAGS
    with unit_of_work(session) as work:
        put_back(work, document.instance_id, document.id, removed)
    restored = session.get_one(Document, document.id)
    assert (restored.tagging_state, restored.tagging_reason) == (TaggingState.TAGGED, "")
    after = assignment(session, "Tabby")
    assert after is not None
    assert (after.source, after.confidence) == (AssignmentSource.AUTO, 0.85)
