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

from autotag.media.query import NOTHING, DocumentQuery, Filter, belonging, filters
from autotag.models import Document

COUNTED_AT_MOST = 10_000
"""How far a list is counted: a page must not become slow because there is much behind it."""

FEW = 2_000
"""Up to how many documents are collected and sorted; of more, walking finds a page sooner."""

Position = tuple[str | int, int]
Value = TypeVar("Value")

_PLUS: Any = custom_op("+")


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of one page in their order, one more than it holds if there is a next one, and how many there are in all.

    `total` goes up to COUNTED_AT_MOST; one more than that means that there are more.
    """

    ids: list[int]
    total: int


def find_page(
    session: Session, instance_id: int, query: DocumentQuery, position: Position | None, limit: int
) -> Found:
    """Find one more than `limit` documents behind a position, and count the whole list."""
    way = _Way(session, instance_id, query)
    if way.leads_nowhere:
        return Found([], 0)
    if way.leads_in_order:
        ids = way.follow(position, limit + 1)
        # A first page that is not full is the whole list.
        is_whole = position is None and len(ids) <= limit
        return Found(ids, len(ids) if is_whole else way.count(COUNTED_AT_MOST + 1))
    total = way.count(COUNTED_AT_MOST + 1)
    go = way.collect if total <= FEW else way.walk
    return Found(go(position, limit + 1), total)


def find_beyond(
    session: Session, instance_id: int, query: DocumentQuery, position: Position, limit: int
) -> list[int]:
    """Find up to `limit` documents behind a position, without counting the list."""
    way = _Way(session, instance_id, query)
    if way.leads_nowhere:
        return []
    if way.leads_in_order:
        return way.follow(position, limit)
    go = way.collect if way.count(FEW + 1) <= FEW else way.walk
    return go(position, limit)


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

    def count(self, most: int) -> int:
        """Count the documents, up to a number."""
        return self._size(self._led(), most)

    def follow(self, position: Position | None, limit: int) -> list[int]:
        """Find a page by what leads in order."""
        return self._page(self._led(), position, limit)

    def collect(self, position: Position | None, limit: int) -> list[int]:
        """Find all documents, and sort them."""
        return self._page(self._led(), position, limit, is_sorted=False)

    def walk(self, position: Position | None, limit: int) -> list[int]:
        """Find a page along the index of the order."""
        tests = self._tests(*(each.condition for each in self._filters))
        return self._page(select(Document.id).where(*self._belonging, *tests), position, limit)

    def _choose_leader(self) -> Filter | None:
        """Choose what documents are found by: what fewest meet, if there is a choice."""
        if len(self._filters) < 2 or self.leads_nowhere:
            return self._filters[0] if self._filters else None
        leading = [each for each in self._filters if each.is_ordered] or self._filters
        if len(leading) == 1:
            return leading[0]
        sizes = [self._size(self._found_by(each), FEW + 1) for each in leading]
        return leading[sizes.index(min(sizes))]

    def _found_by(self, leader: Filter) -> Select[Any]:
        if leader.ids is not None:
            return leader.ids
        return select(Document.id).where(*self._belonging, leader.condition)

    def _led(self) -> Select[Any]:
        """Return the statement for the ids of all documents, found by the leader and tested for the rest."""
        leader = self._leader
        if leader is None:
            return select(Document.id).where(*self._belonging)
        rest = self._tests(*(each.condition for each in self._filters if each is not leader))
        if leader.ids is None:
            return self._found_by(leader).where(*rest)
        (named,) = leader.ids.selected_columns
        return leader.ids.where(Document.id == named, *self._tests(*self._belonging), *rest)

    def _tests(self, *conditions: ColumnElement[bool]) -> list[ColumnElement[bool]]:
        return [self._plus(each) for each in conditions]

    def _page(
        self, statement: Select[Any], position: Position | None, limit: int, *, is_sorted: bool = True
    ) -> list[int]:
        (named,) = statement.selected_columns
        keys = [named] if self._order.column is Document.id else [self._order.column, named]
        if position is not None:
            statement = statement.where(self._beyond(keys, position))
        if not is_sorted:
            keys = [self._plus(key) for key in keys]
        descends = self._order.is_descending
        statement = statement.order_by(*(key.desc() if descends else key.asc() for key in keys))
        return list(self._session.scalars(statement.limit(limit)))

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
