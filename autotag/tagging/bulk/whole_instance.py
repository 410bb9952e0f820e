"""Untag and commit for a whole virtual instance: what it would change, and the bulk action that does it."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.instances.audit import audit
from autotag.media.library.query import DocumentQuery, Selection
from autotag.models import AssignmentSource, BulkAction, Document, TagAssignment
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.bulk.actions import BulkKind, start_action

AUDITED = {BulkKind.UNTAG: "all files untagged", BulkKind.COMMIT: "all tags committed"}


@dataclass(frozen=True, slots=True)
class AutomaticTags:
    """How many automatic tags an instance has outside the recycle bin, and on how many documents."""

    tags: int
    documents: int


def count_automatic_tags(session: Session, instance_id: int) -> AutomaticTags:
    """Count what untagging or committing the whole instance would change."""
    tags, documents = session.execute(
        select(func.count(), func.count(TagAssignment.document_id.distinct()))
        .select_from(TagAssignment)
        .join(Document, Document.id == TagAssignment.document_id)
        .where(
            TagAssignment.instance_id == instance_id,
            TagAssignment.source == AssignmentSource.AUTO,
            Document.deleted_at.is_(None),
        )
    ).one()
    return AutomaticTags(tags, documents)


def start_for_everything(
    work: UnitOfWork, instance_id: int, kind: BulkKind, *, user_id: int | None, actor: str
) -> BulkAction:
    """Untag or commit all documents: at once when they are few, else in the background.

    Raises TaggingRefused when there is no document.
    """
    before = count_automatic_tags(work.session, instance_id).tags
    everything = Selection(query=DocumentQuery())
    action = start_action(work, instance_id, kind, everything, user_id=user_id, actor=actor)
    audit(work.session, instance_id, actor, AUDITED[kind], "", [["Automatic tags", before, 0]])
    return action
