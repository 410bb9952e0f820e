import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from autotag.media.errors import DocumentNotFound
from autotag.media.library import list_documents, load_document, load_summary, summaries
from autotag.models import AssignmentSource, Document, VirtualInstance
from autotag.models.base import utc_now
from tests.unit.conftest import Factory

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def walk(session: Session, instance: VirtualInstance, limit: int) -> list[int]:
    """Follow the cursors from the first page to the last one."""
    ids, cursor = [], None
    while True:
        page = list_documents(session, instance.id, cursor=cursor, limit=limit)
        ids += [item.document.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def test_the_newest_comes_first(session: Session, make: Factory, acme: VirtualInstance) -> None:
    old, new, middle = (
        make.document(acme, created_at=NOON + timedelta(hours=hours)).id for hours in (0, 2, 1)
    )
    page = list_documents(session, acme.id)
    assert [item.document.id for item in page.items] == [new, middle, old]
    assert page.next_cursor is None
    assert page.total == 3


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_over_equal_moments_have_no_gap_and_no_repetition(
    session: Session, make: Factory, acme: VirtualInstance, limit: int
) -> None:
    moments = [0, 0, 0, 1, 1, 0, 0]
    made = [make.document(acme, created_at=NOON + timedelta(microseconds=moment)).id for moment in moments]
    ids = walk(session, acme, limit)
    assert sorted(ids) == sorted(made)
    assert ids[:2] == [made[4], made[3]]


def test_the_last_page_is_known_to_be_the_last(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    for _ in range(4):
        make.document(acme)
    first = list_documents(session, acme.id, limit=2)
    last = list_documents(session, acme.id, limit=2, cursor=first.next_cursor)
    assert len(last.items) == 2
    assert last.next_cursor is None


def test_what_is_uploaded_meanwhile_shifts_no_page(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    made = [make.document(acme).id for _ in range(4)]
    first = list_documents(session, acme.id, limit=2)
    make.document(acme)
    second = list_documents(session, acme.id, limit=2, cursor=first.next_cursor)
    assert [item.document.id for item in second.items] == [made[1], made[0]]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


UNREADABLE = [
    "",
    "nonsense",
    "\u00e9",
    "A",
    encoded("ab"),
    encoded([]),
    encoded(None),
    encoded({"a": 1}),
    encoded([1, 2]),
    encoded(["yesterday", 1]),
    encoded(["2026-05-03T12:00:00+00:00", "one"]),
    encoded(["2026-05-03T12:00:00", 1]),
    encoded(["2026-05-03T12:00:00+00:00", 2**70]),
    encoded(["2026-05-03T12:00:00+00:00", float("inf")]),
    encoded(["0001-01-01T00:00:00+14:00", 1]),
    base64.urlsafe_b64encode(b"[" * 3000).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
]


def test_a_cursor_that_cannot_be_read_means_the_first_page(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    document = make.document(acme)
    for cursor in UNREADABLE:
        page = list_documents(session, acme.id, cursor=cursor)
        assert [item.document.id for item in page.items] == [document.id], cursor


def test_an_empty_list_is_a_page(session: Session, acme: VirtualInstance) -> None:
    page = list_documents(session, acme.id)
    assert (page.items, page.next_cursor, page.total) == ([], None, 0)


def test_a_list_holds_one_instance_without_what_was_deleted(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    mine = make.document(acme)
    make.document(acme, deleted_at=utc_now())
    make.document(make.instance())
    page = list_documents(session, acme.id)
    assert [item.document.id for item in page.items] == [mine.id]
    assert page.total == 1


def test_tags_stand_manual_first_then_by_confidence(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    document = make.document(acme)
    for name, confidence in (("dog", 0.2), ("cat", 0.9), ("bird", 0.2)):
        make.tag(document, name, source=AssignmentSource.AUTO, confidence=confidence)
    make.tag(document, "zoo")
    make.tag(document, "Animal")
    tags = load_summary(session, acme.id, document.id).tags
    assert [tag.name for tag in tags] == ["Animal", "zoo", "cat", "bird", "dog"]
    assert [tag.is_automatic for tag in tags] == [False, False, True, True, True]
    assert [tag.confidence for tag in tags] == [None, None, 0.9, 0.2, 0.2]


def test_each_document_gets_its_own_tags(session: Session, make: Factory, acme: VirtualInstance) -> None:
    documents = [make.document(acme, created_at=NOON - timedelta(hours=hours)) for hours in range(3)]
    make.tag(documents[0], "first")
    make.tag(documents[2], "third")
    items = list_documents(session, acme.id).items
    assert [[tag.name for tag in item.tags] for item in items] == [["first"], [], ["third"]]


@pytest.mark.parametrize("number", [1, 9])
def test_a_list_takes_three_queries_however_long_it_is(
    session: Session, engine: Engine, make: Factory, acme: VirtualInstance, number: int
) -> None:
    for _ in range(number):
        make.tag(make.document(acme), f"tag {number} {_}")
    with counted(engine) as statements:
        page = list_documents(session, acme.id)
        assert all(item.tags for item in page.items)
    assert len(statements) == 3


def test_a_document_takes_two_queries_with_its_owner_and_tags(
    session: Session, engine: Engine, make: Factory, acme: VirtualInstance
) -> None:
    user = make.user(acme)
    document = make.document(acme, owner_id=user.id)
    make.tag(document, "cat")
    with counted(engine) as statements:
        summary = load_summary(session, acme.id, document.id)
        assert summary.document.owner is not None
        assert summary.document.owner.email == user.email
    assert len(statements) == 2


@pytest.mark.parametrize("offset", [1, -1, 2**63, 2**70])
def test_a_number_that_no_document_has_is_not_found(
    session: Session, make: Factory, acme: VirtualInstance, offset: int
) -> None:
    document = make.document(acme)
    with pytest.raises(DocumentNotFound):
        load_document(session, acme.id, document.id + offset)


def test_a_document_of_another_instance_is_not_found(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    theirs = make.document(make.instance())
    for load in (load_document, load_summary):
        with pytest.raises(DocumentNotFound):
            load(session, acme.id, theirs.id)


def test_a_deleted_document_is_not_found(session: Session, make: Factory, acme: VirtualInstance) -> None:
    document = make.document(acme, deleted_at=utc_now())
    with pytest.raises(DocumentNotFound):
        load_document(session, acme.id, document.id)


def test_summaries_come_in_the_order_asked_for_without_what_is_not_there(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    first, second, gone = (make.document(acme) for _ in range(3))
    theirs = make.document(make.instance())
    _delete(session, gone)
    found = summaries(session, acme.id, [second.id, theirs.id, 999, gone.id, first.id, second.id])
    assert [item.document.id for item in found] == [second.id, first.id]


def test_no_numbers_need_no_summaries(session: Session, acme: VirtualInstance) -> None:
    assert summaries(session, acme.id, []) == []


def _delete(session: Session, document: Document) -> None:
    session.get_one(Document, document.id).deleted_at = utc_now()
    session.commit()
