"""Reading Documents and Media: lists and single documents, with their tags, for one instance."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from autotag.media.errors import DocumentNotFound
from autotag.media.library.query import DocumentQuery, Order
from autotag.media.library.query_plan import Position, find_page
from autotag.models import AssignmentSource, Document, Tag, TagAssignment

LARGEST_ID = 2**31 - 1
"""What the column of ids holds on PostgreSQL, which takes no larger number to compare with."""

LARGEST_SIZE = 2**63 - 1

WITH_OWNER = (selectinload(Document.owner),)
"""Loads the owners as well, for pages that name them."""

EVERYTHING = DocumentQuery()


@dataclass(frozen=True, slots=True)
class AssignedTag:
    """A tag as it stands on a document. Confidence is 0 to 1, None for a manual tag."""

    name: str
    source: AssignmentSource
    provider: str | None
    model: str | None
    confidence: float | None

    @property
    def is_automatic(self) -> bool:
        """Whether a provider put it there."""
        return self.source is AssignmentSource.AUTO

    @property
    def is_from_file(self) -> bool:
        """Whether it was a keyword in the file."""
        return self.source is AssignmentSource.FILE


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document and its tags: manual ones first, then those from the file, then automatic ones by confidence."""

    document: Document
    tags: tuple[AssignedTag, ...]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One page of a list; `next_cursor` leads to the next one, None at the end.

    `total` counts the whole list, up to COUNTED_AT_MOST; one more than that means that there are more, and so does
    `is_least`.
    """

    items: list[DocumentSummary]
    next_cursor: str | None
    total: int
    is_least: bool = False


def list_documents(
    session: Session,
    instance_id: int,
    query: DocumentQuery = EVERYTHING,
    *,
    cursor: str | None = None,
    limit: int = 60,
    options: Sequence[ORMOption] = (),
) -> DocumentPage:
    """Return the documents of an instance that a query means. A cursor that cannot be read means the first page."""
    found = find_page(session, instance_id, query, read_cursor(query.order, cursor), limit)
    documents = _load(session, instance_id, found.ids[:limit], *options)
    next_cursor = write_cursor(query.order, documents[-1]) if documents and len(found.ids) > limit else None
    return DocumentPage(_with_tags(session, instance_id, documents), next_cursor, found.total, found.is_least)


def _load(
    session: Session, instance_id: int, document_ids: Sequence[int], *options: ORMOption
) -> list[Document]:
    """Load documents of this instance, in the order asked for."""
    if not document_ids:
        return []
    found = {
        document.id: document
        for document in session.scalars(
            select(Document)
            .where(Document.owned_by(instance_id), Document.id.in_(document_ids))
            .options(*options)
        )
    }
    return [found[key] for key in document_ids if key in found]


def summaries(
    session: Session,
    instance_id: int,
    document_ids: Iterable[int],
    *,
    options: Sequence[ORMOption] = (),
) -> list[DocumentSummary]:
    """Return those of the documents that exist in this instance, in the order asked for."""
    wanted = list(dict.fromkeys(document_ids))
    documents = [each for each in _load(session, instance_id, wanted, *options) if each.deleted_at is None]
    return _with_tags(session, instance_id, documents)


def load_document(
    session: Session, instance_id: int, document_id: int, *, for_change: bool = False
) -> Document:
    """Return one document of this instance. Raises DocumentNotFound, for another instance's document as well.

    One that is loaded `for_change` is as it stands now, and nobody else changes it before the transaction ends.
    """
    if not _is_id(document_id):
        raise DocumentNotFound(document_id)
    statement = select(Document).where(
        Document.instance_id == instance_id, Document.id == document_id, Document.deleted_at.is_(None)
    )
    if for_change:
        # SQLite has one writer at a time anyway.
        statement = statement.with_for_update().execution_options(populate_existing=True)
    else:
        statement = statement.options(joinedload(Document.owner))
    document = session.scalar(statement)
    if document is None:
        raise DocumentNotFound(document_id)
    return document


def load_summary(session: Session, instance_id: int, document_id: int) -> DocumentSummary:
    """Return one document of this instance with its tags. Raises DocumentNotFound."""
    document = load_document(session, instance_id, document_id)
    return _with_tags(session, instance_id, [document])[0]


def _with_tags(session: Session, instance_id: int, documents: Sequence[Document]) -> list[DocumentSummary]:
    if not documents:
        return []
    rows = session.execute(
        select(TagAssignment.document_id, Tag.name, TagAssignment.source, TagAssignment.provider)
        .add_columns(TagAssignment.model, TagAssignment.confidence)
        # Outer, so that a database begins with these documents, and not with all tags of the instance.
        .outerjoin(Tag, Tag.id == TagAssignment.tag_id)
        .where(
            TagAssignment.instance_id == instance_id,
            TagAssignment.document_id.in_([document.id for document in documents]),
        )
        .order_by(TagAssignment.source.desc(), TagAssignment.confidence.desc(), Tag.normalized_name)
    )
    tags: dict[int, list[AssignedTag]] = {document.id: [] for document in documents}
    for document_id, *values in rows:
        tags[document_id].append(AssignedTag(*values))
    return [DocumentSummary(document, tuple(tags[document.id])) for document in documents]


def write_cursor(order: Order, document: Document) -> str:
    """Write the position of a document in an order, to go on behind it."""
    position = json.dumps([order, getattr(document, order.column.key), document.id])
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def read_cursor(order: Order, cursor: str | None) -> Position | None:
    """Read a position; None for one that cannot be read, or that belongs to another order."""
    if not cursor:
        return None
    try:
        written, key, document_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        return None
    wanted = str if order.column is Document.title_key else int
    is_sound = written == order and type(key) is wanted and type(document_id) is int and _is_id(document_id)
    if not is_sound or (isinstance(key, int) and not 0 <= key <= LARGEST_SIZE):
        return None
    return key, document_id


def _is_id(number: int) -> bool:
    """Whether a number can be a row's id; the database refuses to look for a larger one."""
    return 0 < number <= LARGEST_ID
