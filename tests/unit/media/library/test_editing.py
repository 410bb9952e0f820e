import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import DocumentNotFound
from autotag.media.library.editing import (
    DESCRIPTION_LENGTH,
    ChangedMeanwhile,
    TextsRefused,
    _clean,
    edit_texts,
    edition_of,
)
from autotag.media.library.search import matching_ids
from autotag.models import Document, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def document(make: Factory, acme: VirtualInstance) -> Document:
    return make.document(acme, title="Cat", description="On a wall.")


def edit(
    session: Session,
    document: Document,
    title: str,
    description: str = "",
    *,
    edition: str | None = None,
    instance_id: int | None = None,
) -> Document:
    with unit_of_work(session) as work:
        return edit_texts(
            work,
            instance_id or document.instance_id,
            document.id,
            title=title,
            description=description,
            edition=edition if edition is not None else edition_of(document),
        )


def found_by(session: Session, instance: VirtualInstance, words: str) -> list[int]:
    condition = matching_ids(session, instance.id, words)
    assert condition is not None
    return list(session.scalars(select(Document.id).where(Document.id.in_(condition))))


def test_title_and_description_are_kept_and_found(
    session: Session, document: Document, acme: VirtualInstance
) -> None:
    before = utc_now()
    edited = edit(session, document, "  My   Tom\tcat ", "Two\r\nlines \x07here. ")
    assert (edited.title, edited.description) == ("My Tom cat", "Two\nlines  here.")
    assert edited.title_key == "my tom cat"
    assert edited.updated_at >= before
    assert found_by(session, acme, "tom lines") == [document.id]
    assert found_by(session, acme, "wall") == []


@pytest.mark.parametrize(
    ("title", "description", "fields"),
    [
        ("", "x", {"title"}),
        (" \x00\u2028 ", "", {"title"}),
        ("t" * 256, "", {"title"}),
        ("t", "d" * (DESCRIPTION_LENGTH + 1), {"description"}),
        ("", "d" * (DESCRIPTION_LENGTH + 1), {"title", "description"}),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason_for_each_field(
    session: Session, document: Document, title: str, description: str, fields: set[str]
) -> None:
    with pytest.raises(TextsRefused) as caught:
        edit(session, document, title, description)
    assert set(caught.value.reasons) == fields
    session.expire_all()
    assert session.get_one(Document, document.id).title == "Cat"


def test_the_second_of_two_people_is_told_and_nothing_is_lost(session: Session, document: Document) -> None:
    both_read = edition_of(document)
    edit(session, document, "First", edition=both_read)
    with pytest.raises(ChangedMeanwhile) as caught:
        edit(session, document, "Second", edition=both_read)
    assert caught.value.document.title == "First"
    assert session.get_one(Document, document.id).title == "First"


def test_two_people_who_write_the_same_do_not_disagree(session: Session, document: Document) -> None:
    both_read = edition_of(document)
    edit(session, document, "Same", edition=both_read)
    assert edit(session, document, "Same", edition=both_read).title == "Same"


def test_what_else_changes_on_a_document_is_no_conflict(session: Session, document: Document) -> None:
    read = edition_of(document)
    with unit_of_work(session) as work:
        work.session.get_one(Document, document.id).updated_at = utc_now()
    assert edit(session, document, "New", edition=read).title == "New"


def test_a_person_saves_over_what_another_session_wrote_only_knowingly(
    sessions: sessionmaker[Session], document: Document
) -> None:
    with sessions() as one, sessions() as two:
        stale = one.get_one(Document, document.id)
        edit(two, document, "Theirs")
        with pytest.raises(ChangedMeanwhile):
            edit(one, stale, "Mine", edition=edition_of(stale))
        assert (
            edit(one, stale, "Mine", edition=edition_of(one.get_one(Document, document.id))).title == "Mine"
        )


def test_another_instances_document_and_a_deleted_one_are_not_there(
    session: Session, make: Factory, document: Document
) -> None:
    with pytest.raises(DocumentNotFound):
        edit(session, document, "Mine", instance_id=make.instance().id)
    gone = make.document(make.instance(), deleted_at=utc_now())
    with pytest.raises(DocumentNotFound):
        edit(session, gone, "Back")


@given(st.text(max_size=300), st.text(max_size=400))
def test_whatever_is_kept_stays_the_same_when_it_is_saved_again(title: str, description: str) -> None:
    try:
        kept = _clean(title, description)
    except TextsRefused:
        return
    assert _clean(*kept) == kept
