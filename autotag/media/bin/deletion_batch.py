"""What lies in the recycle bin: a page of it, the latest first, with who put it there and from where."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from autotag.media.bin.recycle_bin import in_bin
from autotag.media.errors import DocumentNotFound
from autotag.media.library.query import Selection
from autotag.media.library.query_plan import COUNTED_AT_MOST
from autotag.models import Document, User

LARGEST_ID = 2**31 - 1

Position = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class BinItem:
    """A document in the bin; `deleted_by` is the e-mail address of who put it there, if that is known."""

    document: Document
    deleted_by: str | None


@dataclass(frozen=True, slots=True)
class BinPage:
    """One page; `next_position` is where the next one begins, None at the end. `total` counts up to COUNTED_AT_MOST."""

    items: list[BinItem]
    next_position: Position | None
    total: int


def list_bin(
    session: Session, instance_id: int, *, behind: Position | None = None, limit: int = 60
) -> BinPage:
    """Return what lies in the bin of an instance behind a position, the latest first."""
    inside = (Document.instance_id == instance_id, Document.deleted_at.is_not(None))
    statement = (
        select(Document, User.email)
        .outerjoin(User, User.id == Document.deleted_by_id)
        .where(*inside)
        .order_by(Document.deleted_at.desc(), Document.id.desc())
        .limit(limit + 1)
    )
    if behind is not None:
        statement = statement.where(tuple_(Document.deleted_at, Document.id) < behind)
    rows = [BinItem(document, email) for document, email in session.execute(statement)]
    counted = select(Document.id).where(*inside).limit(COUNTED_AT_MOST + 1).subquery()
    total = session.scalar(select(func.count()).select_from(counted)) or 0
    items = rows[:limit]
    last = items[-1].document if len(rows) > limit else None
    position = None if last is None or last.deleted_at is None else (last.deleted_at, last.id)
    return BinPage(items, position, total)


def count_in_bin(session: Session, instance_id: int, selection: Selection, until: int | None = None) -> int:
    """Return how many of the chosen documents lie in the bin, up to an id if one is given."""
    chosen = in_bin(session, instance_id, selection)
    if until is not None:
        chosen = chosen.where(Document.id <= until)
    return session.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def load_binned(session: Session, instance_id: int, document_id: int) -> Document:
    """Return one document of the instance's bin. Raises DocumentNotFound."""
    document = session.scalar(
        select(Document).where(
            Document.instance_id == instance_id,
            Document.id == min(document_id, LARGEST_ID),
            Document.deleted_at.is_not(None),
        )
    )
    if document is None:
        raise DocumentNotFound(document_id)
    return document
