import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from autotag.media.library.adjacent import Neighbour, neighbours_of
from autotag.media.library.library import list_documents
from autotag.media.library.query import DocumentQuery, Order
from autotag.models import Document, VirtualInstance
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def documents(make: Factory, acme: VirtualInstance) -> list[Document]:
    """Some that are equal in each order, so that the id has to tell them apart."""
    made = [("b", 2), ("A", 2), ("b", 1), ("c", 2), ("a", 9), ("B", 2)]
    make.document(make.instance(), title="a")
    return [make.document(acme, title=title, size=size) for title, size in made]


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("order", list(Order))
def test_stepping_through_the_neighbours_is_reading_the_list(
    session: Session, acme: VirtualInstance, documents: list[Document], order: Order
) -> None:
    query = DocumentQuery(order=order)
    listed = [item.document for item in list_documents(session, acme.id, query).items]
    assert len(listed) == len(documents)
    for place, document in enumerate(listed):
        found = neighbours_of(session, acme.id, query, document)
        before = listed[place - 1] if place else None
        after = listed[place + 1] if place + 1 < len(listed) else None
        assert found.previous == (before and Neighbour(before.id, before.title))
        assert found.next == (after and Neighbour(after.id, after.title))


def test_filters_hold_and_one_that_is_not_listed_has_the_neighbours_of_its_place(
    session: Session, make: Factory, acme: VirtualInstance, documents: list[Document]
) -> None:
    make.tag(documents[1], "cat")
    make.tag(documents[4], "dog")
    query = DocumentQuery(tags=("cat",))
    found = neighbours_of(session, acme.id, query, documents[3])
    assert found.previous is None
    assert found.next == Neighbour(documents[1].id, "A")


@pytest.mark.sqlite
@pytest.mark.parametrize("order", list(Order))
def test_a_step_follows_an_index_and_sorts_nothing(
    session: Session, acme: VirtualInstance, documents: list[Document], engine: Engine, order: Order
) -> None:
    with counted(engine) as statements:
        neighbours_of(session, acme.id, DocumentQuery(order=order), documents[2])
    steps_each_way, titles = statements[:2], statements[2:]
    assert len(titles) == 1
    for statement in steps_each_way:
        marks = statement.count("?")
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (1,) * marks)
        steps = [row[-1] for row in plan]
        assert len(steps) == 1, steps
        assert re.match(r"SEARCH document USING (COVERING )?INDEX ix_document", steps[0]), steps
        assert "<" in steps[0] or ">" in steps[0], steps
