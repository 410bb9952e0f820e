"""Which documents stand before and after one in a list, by one step along the list's order each way."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import gt, lt
from typing import Any

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.orm import Session

from autotag.media.query import DocumentQuery, Order, conditions
from autotag.models import Document


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A document beside another one: what a link to it needs."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The documents beside one in a list, None at its ends."""

    previous: Neighbour | None
    next: Neighbour | None


def neighbours_of(session: Session, instance_id: int, query: DocumentQuery, document: Document) -> Neighbours:
    """Return what stands beside a document in the list that a query means.

    A document that is not in the list (any more) has the neighbours of the place where it would stand.
    """
    where = conditions(session, instance_id, query)
    forwards = not query.order.is_descending
    return Neighbours(
        _step(session, where, query.order, document, ascending=not forwards),
        _step(session, where, query.order, document, ascending=forwards),
    )


def _step(
    session: Session, where: list[ColumnElement[bool]], order: Order, document: Document, *, ascending: bool
) -> Neighbour | None:
    beyond: Callable[[Any, Any], ColumnElement[bool]] = gt if ascending else lt
    if order.column is Document.id:
        keys: list[Any] = [Document.id]
        further = beyond(Document.id, document.id)
    else:
        keys = [order.column, Document.id]
        here = tuple_(literal(getattr(document, order.column.key)), literal(document.id))
        further = beyond(tuple_(order.column, Document.id), here)
    row = session.execute(
        select(Document.id, Document.title)
        .where(*where, further)
        .order_by(*(key.asc() if ascending else key.desc() for key in keys))
        .limit(1)
    ).one_or_none()
    return None if row is None else Neighbour(row.id, row.title)
