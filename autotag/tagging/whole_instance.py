"""Untag and commit for a whole virtual instance, a part at a time, each part in a transaction of its own.

An interruption leaves the rest as it was; doing it again goes on with that. What lies in the recycle bin is included:
it may come back.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.models import AssignmentSource, TagAssignment
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.assignments import commit_tags, untag

PART = 1000
"""Documents of one transaction: other writers wait for it a fraction of a second."""


@dataclass(frozen=True, slots=True)
class AutomaticTags:
    """How many automatic tags an instance has, and on how many documents."""

    tags: int
    documents: int


def count_automatic_tags(session: Session, instance_id: int) -> AutomaticTags:
    """Count what untagging or committing the whole instance would change."""
    tags, documents = session.execute(
        select(func.count(), func.count(TagAssignment.document_id.distinct())).where(
            TagAssignment.instance_id == instance_id, TagAssignment.source == AssignmentSource.AUTO
        )
    ).one()
    return AutomaticTags(tags, documents)


@dataclass(frozen=True, slots=True)
class Part:
    """What one part came to: how many tags changed, and the last document, behind which the next part begins."""

    changed: int
    position: int


def untag_part(work: UnitOfWork, instance_id: int, after: int) -> Part | None:
    """Take the automatic tags off the next documents that have any; None when there are no more."""
    ids = _next_documents(work.session, instance_id, after)
    return Part(untag(work, instance_id, ids), ids[-1]) if ids else None


def commit_part(work: UnitOfWork, instance_id: int, after: int, *, user_id: int | None) -> Part | None:
    """Turn the automatic tags of the next documents that have any into ordinary ones; None when there are no more."""
    ids = _next_documents(work.session, instance_id, after)
    return Part(commit_tags(work, instance_id, ids, user_id=user_id), ids[-1]) if ids else None


def _next_documents(session: Session, instance_id: int, after: int) -> list[int]:
    return list(
        session.scalars(
            select(TagAssignment.document_id)
            .where(
                TagAssignment.instance_id == instance_id,
                TagAssignment.source == AssignmentSource.AUTO,
                TagAssignment.document_id > after,
            )
            .order_by(TagAssignment.document_id)
            .distinct()
            .limit(PART)
        )
    )
