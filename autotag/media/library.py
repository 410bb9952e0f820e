"""Reading Documents and Media: lists and single documents, with their tags, for one instance."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session, joinedload

from autotag.media.errors import DocumentNotFound
from autotag.models import AssignmentSource, Document, Tag, TagAssignment

LARGEST_ID = 2**63 - 1
"""SQLite's largest integer."""


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


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document and its tags: manual ones first, then automatic ones by confidence."""

    document: Document
    tags: tuple[AssignedTag, ...]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One page of a list; `next_cursor` leads to the next one, None at the end. `total` counts the whole list."""

    items: list[DocumentSummary]
    next_cursor: str | None
    total: int


def list_documents(
    session: Session, instance_id: int, *, cursor: str | None = None, limit: int = 60
) -> DocumentPage:
    """Return documents of an instance, newest first. A cursor that cannot be read means the first page."""
    statement = (
        select(Document)
        .where(Document.instance_id == instance_id, Document.deleted_at.is_(None))
        .order_by(Document.created_at.desc(), Document.id.desc())
    )
    position = _read_cursor(cursor)
    if position is not None:
        statement = statement.where(tuple_(Document.created_at, Document.id) < position)
    documents = list(session.scalars(statement.limit(limit + 1)))
    total = session.scalar(
        select(func.count()).where(Document.instance_id == instance_id, Document.deleted_at.is_(None))
    )
    page = documents[:limit]
    next_cursor = _write_cursor(page[-1]) if len(documents) > limit else None
    return DocumentPage(_with_tags(session, instance_id, page), next_cursor, total or 0)


def summaries(session: Session, instance_id: int, document_ids: Iterable[int]) -> list[DocumentSummary]:
    """Return those of the documents that exist in this instance, in the order asked for."""
    wanted = list(dict.fromkeys(document_ids))
    found = {
        document.id: document
        for document in session.scalars(
            select(Document).where(
                Document.instance_id == instance_id, Document.id.in_(wanted), Document.deleted_at.is_(None)
            )
        )
    }
    return _with_tags(session, instance_id, [found[key] for key in wanted if key in found])


def load_document(session: Session, instance_id: int, document_id: int) -> Document:
    """Return one document of this instance. Raises DocumentNotFound, for another instance's document as well."""
    if not _is_id(document_id):
        raise DocumentNotFound(document_id)
    document = session.scalar(
        select(Document)
        .where(Document.instance_id == instance_id, Document.id == document_id, Document.deleted_at.is_(None))
        .options(joinedload(Document.owner))
    )
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
        .join(Tag, Tag.id == TagAssignment.tag_id)
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


def _write_cursor(document: Document) -> str:
    position = json.dumps([document.created_at.isoformat(), document.id])
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[datetime, int] | None:
    if not cursor:
        return None
    try:
        text, number = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        written, document_id = datetime.fromisoformat(text), int(number)
        moment = written.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return (moment, document_id) if written.tzinfo is not None and _is_id(document_id) else None


def _is_id(number: int) -> bool:
    """Whether a number can be a row's id; the database refuses to look for a larger one."""
    return 0 < number <= LARGEST_ID
