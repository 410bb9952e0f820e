import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from autotag.media.errors import DocumentNotFound
from autotag.media.library.library import (
    list_documents,
    load_document,
    load_summary,
    read_cursor,
    summaries,
    write_cursor,
)
from autotag.media.library.query import DocumentQuery, Order
from autotag.models import AssignmentSource, Document, VirtualInstance
from autotag.models.base import utc_now
from tests.unit.conftest import Factory


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


def walk(session: Session, instance: VirtualInstance, limit: int, query: DocumentQuery) -> list[int]:
    """Follow the cursors from the first page to the last one."""
    ids, cursor = [], None
    while True:
        page = list_documents(session, instance.id, query, cursor=cursor, limit=limit)
        ids += [item.document.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def test_the_newest_comes_first(session: Session, make: Factory, acme: VirtualInstance) -> None:
    old, middle, new = (make.document(acme).id for _ in range(3))
    page = list_documents(session, acme.id)
    assert [item.document.id for item in page.items] == [new, middle, old]
    assert page.next_cursor is None
    assert page.total == 3


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_over_equal_values_have_no_gap_and_no_repetition(
    session: Session, make: Factory, acme: VirtualInstance, limit: int, order: Order
) -> None:
    made = [make.document(acme, title="aab"[number % 3], size=number % 2).id for number in range(7)]
    ids = walk(session, acme, limit, DocumentQuery(order=order))
    assert ids == walk(session, acme, 100, DocumentQuery(order=order))
    assert sorted(ids) == made


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
    encoded(["newest", 1]),
    encoded(["newest", 0, 0]),
    encoded(["newest", "1", 1]),
    encoded(["newest", True, 1]),
    encoded(["newest", 2**70, 1]),
    encoded(["newest", 1, 2**70]),
    encoded(["newest", -1, 1]),
    encoded(["newest", float("inf"), 1]),
    encoded(["name", "a", 1]),
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


@pytest.mark.parametrize("order", list(Order))
def test_a_cursor_is_read_as_it_was_written_and_only_for_its_order(
    make: Factory, acme: VirtualInstance, order: Order
) -> None:
    document = make.document(acme, title="\u00c5ngstr\u00f6m \U0001f600", size=2**40)
    written = write_cursor(order, document)
    assert read_cursor(order, written) == (getattr(document, order.column.key), document.id)
    assert all(read_cursor(other, written) is None for other in Order if other is not order)


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
    documents = [make.document(acme) for _ in range(3)]
    make.tag(documents[0], "first")
    make.tag(documents[2], "third")
    items = list_documents(session, acme.id).items
    assert [[tag.name for tag in item.tags] for item in items] == [["third"], [], ["first"]]


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
