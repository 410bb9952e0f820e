"""How a list is found quickly, whatever is filtered and ordered by, in a library of any size.

Three ways lead to a page. *Follow*: what is filtered by has an index that yields documents in the order of their
ids; it is followed from the place where the page begins. *Collect*: few documents are meant; all are found and sorted.
*Walk*: many are meant; the index of the order is walked, and each document on the way is tested, which soon fills a
page.

SQLite is told which way to go by a plus before each condition that must not choose the index; PostgreSQL knows how
its data are spread and chooses by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import gt, lt
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, UnaryExpression, func, literal, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql.operators import custom_op

from autotag.media.library.query import NOTHING, DocumentQuery, Filter, belonging, filters
from autotag.models import Document

COUNTED_AT_MOST = 5_000
"""How far a list is counted: a page must not become slow because there is much behind it."""

FEW = 2_000
"""Up to how many documents are collected and sorted; of more, walking finds a page sooner."""

COMPARED_AT = 20_000
"""Up to how many documents of several long lists are counted to know which is the shortest."""

LOOKED_AT = 5_000
"""How many documents are looked at to count those of them that meet further conditions, which no index knows."""

Position = tuple[str | int, int]
Value = TypeVar("Value")

_PLUS: Any = custom_op("+")


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of one page in their order, one more than it holds if there is a next one, and how many there are in all.

    `total` goes up to COUNTED_AT_MOST; one more than that means that there are more. When `is_least` is set there may
    be more than `total` as well: too many would have to be looked at to know.
    """

    ids: list[int]
    total: int
    is_least: bool = False


def find_page(
    session: Session, instance_id: int, query: DocumentQuery, position: Position | None, limit: int
) -> Found:
    """Find one more than `limit` documents behind a position, and count the whole list."""
    way = _Way(session, instance_id, query)
    if way.leads_nowhere:
        return Found([], 0)
    if position is None and way.leads_by_id and way.is_counted_by_index:
        return way.beginning(limit + 1)
    total, is_least = (0, False) if way.leads_in_order else way.count()
    ids = way.page(position, limit + 1, total)
    if position is None and len(ids) <= limit:
        # A first page that is not full is the whole list.
        return Found(ids, len(ids))
    if way.leads_in_order:
        total, is_least = way.count()
    return Found(ids, total, is_least)


def find_beyond(
    session: Session, instance_id: int, query: DocumentQuery, position: Position, limit: int
) -> list[int]:
    """Find up to `limit` documents behind a position, without counting the list."""
    way = _Way(session, instance_id, query)
    if way.leads_nowhere:
        return []
    return way.page(position, limit, 0 if way.leads_in_order else way.count()[0])


class _Way:
    """What is asked of one list, and the statements that answer it."""

    def __init__(self, session: Session, instance_id: int, query: DocumentQuery) -> None:
        self._session = session
        self._order = query.order
        self._belonging = belonging(instance_id, query)
        self._filters = filters(session, instance_id, query)
        self._needs_plus = session.get_bind().dialect.name == "sqlite"
        self._leader = self._choose_leader()

    @property
    def leads_nowhere(self) -> bool:
        """Whether something is asked for that no document can meet."""
        return any(each.condition is NOTHING for each in self._filters)

    @property
    def leads_in_order(self) -> bool:
        """Whether what is filtered by yields documents in the order that is asked for."""
        if self._leader is None:
            return True
        return self._order.column is Document.id and self._leader.is_ordered

    @property
    def leads_by_id(self) -> bool:
        """Whether the order is that of the ids, and what is filtered by yields documents in it."""
        return self._order.column is Document.id and self.leads_in_order

    @property
    def is_counted_by_index(self) -> bool:
        """Whether indexes alone tell whether a document belongs to the list."""
        return not self._rest or (self._leader is not None and self._leader.ids is not None)

    def beginning(self, limit: int) -> Found:
        """Find the first page and count the list by one pass, where the leader leads by id.

        A search for a word of many documents takes its time before it yields the first, and would take it twice.
        """
        ordered = self._ordered(self._led(), None)
        first = ordered.limit(COUNTED_AT_MOST + 1).cte("first_documents")
        (named,) = first.c
        total = select(func.count()).select_from(first).scalar_subquery()
        descends = self._order.is_descending
        rows = self._session.execute(
            select(named, total).order_by(named.desc() if descends else named.asc()).limit(limit)
        ).all()
        return Found([row[0] for row in rows], rows[0][1] if rows else 0)

    def count(self) -> tuple[int, bool]:
        """Count the documents, up to COUNTED_AT_MOST and one; and say whether there may be more that were not seen."""
        most = COUNTED_AT_MOST + 1
        if self.is_counted_by_index:
            return self._size(self._led(), most), False
        candidates = self._found.limit(LOOKED_AT).subquery()
        (named,) = candidates.c
        tests = self._tests(*self._belonging, *self._rest)
        number = self._size(select(Document.id).where(Document.id == named, *tests), most)
        return number, number < most and self._size(self._found, LOOKED_AT) == LOOKED_AT

    def page(self, position: Position | None, limit: int, total: int) -> list[int]:
        """Find a page by the quickest way for a list of `total` documents."""
        if self.leads_in_order:
            return self._page(self._led(), position, limit)
        if total <= FEW:
            return self._page(self._led(), position, limit, is_sorted=False)
        tests = self._tests(*(each.condition for each in self._filters))
        return self._page(select(Document.id).where(*self._belonging, *tests), position, limit)

    def _choose_leader(self) -> Filter | None:
        """Choose what documents are found by: what fewest meet, if there is a choice."""
        indexed = [each for each in self._filters if each.is_indexed]
        leading = [each for each in indexed if each.is_ordered] or indexed
        if len(leading) < 2 or self.leads_nowhere:
            return leading[0] if leading else None
        for most in (FEW, COMPARED_AT):
            sizes = [self._size(self._found_by(each), most + 1) for each in leading]
            if min(sizes) <= most:
                break
        return leading[sizes.index(min(sizes))]

    def _found_by(self, leader: Filter | None) -> Select[Any]:
        if leader is None:
            return select(Document.id).where(*self._belonging)
        return (
            leader.ids
            if leader.ids is not None
            else select(Document.id).where(*self._belonging, leader.condition)
        )

    @property
    def _found(self) -> Select[Any]:
        """The statement for the ids of the documents that the leader leads to."""
        return self._found_by(self._leader)

    @property
    def _rest(self) -> list[ColumnElement[bool]]:
        """What these must meet besides."""
        return [each.condition for each in self._filters if each is not self._leader]

    def _led(self) -> Select[Any]:
        """Return the statement for the ids of all documents, found by the leader and tested for the rest."""
        rest = self._tests(*self._rest)
        if self._leader is None or self._leader.ids is None:
            return self._found.where(*rest)
        (named,) = self._found.selected_columns
        return self._found.where(Document.id == named, *self._tests(*self._belonging), *rest)

    def _tests(self, *conditions: ColumnElement[bool]) -> list[ColumnElement[bool]]:
        return [self._plus(each) for each in conditions]

    def _page(
        self, statement: Select[Any], position: Position | None, limit: int, *, is_sorted: bool = True
    ) -> list[int]:
        ordered = self._ordered(statement, position, is_sorted=is_sorted)
        return list(self._session.scalars(ordered.limit(limit)))

    def _ordered(
        self, statement: Select[Any], position: Position | None, *, is_sorted: bool = True
    ) -> Select[Any]:
        (named,) = statement.selected_columns
        keys = [named] if self._order.column is Document.id else [self._order.column, named]
        if position is not None:
            statement = statement.where(self._beyond(keys, position))
        if not is_sorted:
            keys = [self._plus(key) for key in keys]
        descends = self._order.is_descending
        return statement.order_by(*(key.desc() if descends else key.asc() for key in keys))

    def _beyond(self, keys: Sequence[ColumnElement[Any]], position: Position) -> ColumnElement[bool]:
        key, document_id = position
        comes_after: Callable[[Any, Any], ColumnElement[bool]] = lt if self._order.is_descending else gt
        if len(keys) == 1:
            return comes_after(keys[0], document_id)
        return comes_after(tuple_(*keys), tuple_(literal(key), literal(document_id)))

    def _size(self, statement: Select[Any], most: int) -> int:
        some = statement.limit(most).subquery()
        return self._session.scalar(select(func.count()).select_from(some)) or 0

    def _plus(self, element: ColumnElement[Value]) -> ColumnElement[Value]:
        if not self._needs_plus:
            return element
        return UnaryExpression(element.self_group(), operator=_PLUS, type_=element.type)
