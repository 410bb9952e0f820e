"""Taking one tag off a document in a way that can be undone: the caller keeps what it was, and it is put back so."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from autotag.media import search
from autotag.media.library import load_document
from autotag.models import (
    AssignmentSource,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingRun,
    TagRejection,
    User,
)
from autotag.models.base import utc_now
from autotag.models.names import fold
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.assignments import remove_tags
from autotag.tagging.tag_creation import ensure_tags, insert_new


@dataclass(frozen=True, slots=True)
class RemovedTag:
    """A tag that was on a document, with all that was known of how it came there."""

    name: str
    source: AssignmentSource
    provider: str | None = None
    model: str | None = None
    confidence: float | None = None
    attempt_id: int | None = None
    run_id: int | None = None
    created_by_id: int | None = None


def remove_tag(
    work: UnitOfWork, instance_id: int, document_id: int, name: str, *, user_id: int | None
) -> RemovedTag | None:
    """Take a tag off a document and remember it; return what it was, None when it was not there (any more).

    Raises DocumentNotFound.
    """
    document = load_document(work.session, instance_id, document_id, for_change=True)
    row = work.session.execute(
        select(Tag.name, TagAssignment)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(
            TagAssignment.instance_id == instance_id,
            TagAssignment.document_id == document.id,
            Tag.normalized_name == fold(name),
        )
    ).one_or_none()
    if row is None:
        return None
    kept: TagAssignment = row.TagAssignment
    removed = RemovedTag(
        row.name,
        kept.source,
        kept.provider,
        kept.model,
        kept.confidence,
        kept.attempt_id,
        kept.run_id,
        kept.created_by_id,
    )
    work.session.expunge(kept)
    remove_tags(work, instance_id, [document.id], [row.name], user_id=user_id)
    return removed


def put_back(work: UnitOfWork, instance_id: int, document_id: int, removed: RemovedTag) -> None:
    """Undo a removal: the tag is as it was, and that it was removed is forgotten.

    A tag of that name which somebody added meanwhile stays as that person made it. Raises DocumentNotFound.
    """
    session = work.session
    document = load_document(session, instance_id, document_id, for_change=True)
    ((folded, tag_id),) = ensure_tags(session, instance_id, [removed.name]).items()
    session.execute(
        delete(TagRejection).where(
            TagRejection.document_id == document.id, TagRejection.normalized_name == folded
        )
    )
    row = {
        "instance_id": instance_id,
        "document_id": document.id,
        "tag_id": tag_id,
        "source": removed.source,
        "provider": removed.provider,
        "model": removed.model,
        "confidence": removed.confidence,
        "attempt_id": _still_there(session, instance_id, TaggingAttempt, removed.attempt_id),
        "run_id": _still_there(session, instance_id, TaggingRun, removed.run_id),
        "created_by_id": _still_there(session, instance_id, User, removed.created_by_id),
        "created_at": utc_now(),
    }
    insert_new(session, TagAssignment.__table__, [row])
    search.refresh(session, [document.id])


def _still_there(
    session: Session,
    instance_id: int,
    model: type[TaggingAttempt] | type[TaggingRun] | type[User],
    row_id: int | None,
) -> int | None:
    """Return the id of a row that is still there: what it named may have gone since the removal."""
    if row_id is None:
        return None
    return session.scalar(select(model.id).where(model.instance_id == instance_id, model.id == row_id))
