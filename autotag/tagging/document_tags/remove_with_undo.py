"""Taking tags off a document in a way that can be undone: the caller keeps what it was, and it is put back so."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from autotag.media.library import search
from autotag.media.library.library import load_document
from autotag.models import (
    AssignmentSource,
    Document,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingRun,
    TaggingState,
    TagRejection,
    User,
)
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.document_tags.assign import remove_tags, untag
from autotag.tagging.tags.create_and_lock import ensure_tags

UNTAGGED = "untagged"
"""Reason code of a document whose automatic tags a person took off."""


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
    found = _as_they_are(work.session, document, Tag.normalized_name == fold(name))
    if not found:
        return None
    remove_tags(work, instance_id, [document.id], [found[0].name], user_id=user_id)
    return found[0]


def untag_document(work: UnitOfWork, instance_id: int, document_id: int) -> list[RemovedTag]:
    """Take the automatic tags off a document; return what they were. Raises DocumentNotFound."""
    document = load_document(work.session, instance_id, document_id, for_change=True)
    found = _as_they_are(work.session, document, TagAssignment.source == AssignmentSource.AUTO)
    untag(work, instance_id, [document.id])
    return found


def put_back(work: UnitOfWork, instance_id: int, document_id: int, removed: Sequence[RemovedTag]) -> None:
    """Undo a removal: the tags are as they were, and that they were removed is forgotten.

    A tag of that name which somebody added meanwhile stays as that person made it. Raises DocumentNotFound.
    """
    session = work.session
    document = load_document(session, instance_id, document_id, for_change=True)
    if not removed:
        return
    tag_ids = ensure_tags(session, instance_id, [one.name for one in removed])
    session.execute(
        delete(TagRejection).where(
            TagRejection.document_id == document.id, TagRejection.normalized_name.in_(tag_ids)
        )
    )
    rows: list[dict[str, object]] = [
        {
            "instance_id": instance_id,
            "document_id": document.id,
            "tag_id": tag_ids[fold(one.name)],
            "source": one.source,
            "provider": one.provider,
            "model": one.model,
            "confidence": one.confidence,
            "attempt_id": _still_there(session, instance_id, TaggingAttempt, one.attempt_id),
            "run_id": _still_there(session, instance_id, TaggingRun, one.run_id),
            "created_by_id": _still_there(session, instance_id, User, one.created_by_id),
            "created_at": utc_now(),
        }
        for one in removed
    ]
    insert_new(session, TagAssignment.__table__, rows)
    if document.tagging_reason_code == UNTAGGED and any(one.provider for one in removed):
        document.tagging_state = TaggingState.TAGGED
        document.tagging_reason_code = document.tagging_reason = ""
        document.tagging_updated_at = utc_now()
    search.refresh(session, [document.id])


def _as_they_are(session: Session, document: Document, which: ColumnElement[bool]) -> list[RemovedTag]:
    rows = session.execute(
        select(Tag.name, TagAssignment.source, TagAssignment.provider, TagAssignment.model)
        .add_columns(TagAssignment.confidence, TagAssignment.attempt_id, TagAssignment.run_id)
        .add_columns(TagAssignment.created_by_id)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(
            TagAssignment.instance_id == document.instance_id,
            TagAssignment.document_id == document.id,
            which,
        )
    )
    return [RemovedTag(*row) for row in rows]


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
