"""Which documents stand before and after one in a list, by one step along the list's order each way."""

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.library.query import DocumentQuery, Order
from autotag.media.library.query_plan import find_beyond
from autotag.models import Document

OPPOSITE = {
    Order.NEWEST: Order.OLDEST,
    Order.NAME: Order.NAME_DESCENDING,
    Order.LARGEST: Order.SMALLEST,
}
OPPOSITE |= {there: back for back, there in OPPOSITE.items()}


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
    position = (getattr(document, query.order.column.key), document.id)
    backwards = replace(query, order=OPPOSITE[query.order])
    before, after = (
        find_beyond(session, instance_id, direction, position, 1) for direction in (backwards, query)
    )
    rows = session.execute(
        select(Document.id, Document.title).where(
            Document.owned_by(instance_id), Document.id.in_([*before, *after])
        )
    )
    found = {row.id: Neighbour(row.id, row.title) for row in rows}
    return Neighbours(*(found.get(ids[0]) if ids else None for ids in (before, after)))
