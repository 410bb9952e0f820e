"""Merging tags into one, some documents at a time, so that nobody waits for the database meanwhile.

Every part is right by itself: a document has either its old tag or the one that is kept. What is assigned to an old
tag while the merge goes on is found by a later part; the old tags are deleted by the part that finds nothing more.
Documents in the recycle bin are among them. Removals that people made stay in force: see `tag_removals`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from autotag.instances.audit import audit
from autotag.media.library import search
from autotag.models import AssignmentSource, Tag, TagAssignment
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.tags.create_and_lock import lock_tags
from autotag.tagging.tags.listing import TagNotFound
from autotag.tagging.tags.names import TaggingRefused
from autotag.tagging.tags.rejections import inherit, overrule, remember_removed

PART = 500
"""Documents that are changed in one transaction: less than a tenth of a second."""


@dataclass(frozen=True, slots=True)
class MergedPart:
    """What a part of a merge came to: how many documents it changed, and whether it was the last."""

    documents: int
    is_last: bool


def tags_to_merge(
    session: Session, instance_id: int, source_ids: Collection[int], target_id: int
) -> tuple[Tag, list[Tag]]:
    """Take hold of the tag to keep and of those to merge into it. Sources that somebody else merged are left out.

    Raises TaggingRefused with code `nothing_to_merge` when none is left, and TagNotFound when the tag to keep is gone.
    """
    locked = {tag.id: tag for tag in lock_tags(session, instance_id, {*source_ids, target_id})}
    target = locked.pop(target_id, None)
    if target is None:
        raise TagNotFound(target_id)
    if not locked:
        raise TaggingRefused("nothing_to_merge", "Choose at least one other tag that is still there.")
    return target, list(locked.values())


def count_documents(session: Session, tag_ids: Collection[int]) -> int:
    """Count the documents that have one of some tags."""
    found = select(func.count(TagAssignment.document_id.distinct())).where(TagAssignment.tag_id.in_(tag_ids))
    return session.scalar(found) or 0


def merge_part(
    work: UnitOfWork,
    instance_id: int,
    source_ids: Collection[int],
    target_id: int,
    *,
    actor: str,
    user_id: int | None,
) -> MergedPart:
    """Do the next part of a merge, or end it.

    A document that had several of the tags keeps one assignment: a manual one, else one from the file, else the
    automatic one with the highest confidence. A manual one without provenance takes over that of the best automatic
    one.

    Raises as `tags_to_merge` does, also when others did the rest meanwhile; what was merged before stays merged.
    """
    session = work.session
    target, tags = tags_to_merge(session, instance_id, source_ids, target_id)
    sources = sorted(tag.id for tag in tags)
    documents = _next_documents(session, sources)
    if documents:
        _move(session, sources, target, documents, user_id)
    if len(documents) == PART:
        return MergedPart(PART, is_last=False)
    if inherit(session, target, [tag.normalized_name for tag in tags], PART) == PART:
        return MergedPart(len(documents), is_last=False)
    gone = sorted(tag.name for tag in tags)
    session.execute(
        delete(Tag)
        .where(Tag.owned_by(instance_id), Tag.id.in_(sources))
        .execution_options(synchronize_session=False)
    )
    audit(session, instance_id, actor, "tags merged", target.name, [["Merged", ", ".join(gone), target.name]])
    return MergedPart(len(documents), is_last=True)


def _next_documents(session: Session, tag_ids: Collection[int]) -> list[int]:
    statement = select(TagAssignment.document_id).where(TagAssignment.tag_id.in_(tag_ids))
    return list(session.scalars(statement.distinct().limit(PART)))


def _move(
    session: Session, sources: Collection[int], target: Tag, documents: Collection[int], user_id: int | None
) -> None:
    remember_removed(session, sources, user_id, documents)
    _keep_one(session, [*sources, target.id], target.id, documents)
    session.execute(
        update(TagAssignment)
        .where(TagAssignment.tag_id.in_(sources), TagAssignment.document_id.in_(documents))
        .values(tag_id=target.id)
        .execution_options(synchronize_session=False)
    )
    overrule(session, target, documents)
    search.refresh(session, documents)


def _keep_one(
    session: Session, tag_ids: Collection[int], target_id: int, document_ids: Collection[int]
) -> None:
    """Leave one assignment where a document has several of the tags, with the provenance of the best of them."""
    several = (
        select(TagAssignment.document_id)
        .where(TagAssignment.tag_id.in_(tag_ids), TagAssignment.document_id.in_(document_ids))
        .group_by(TagAssignment.document_id)
        .having(func.count() > 1)
    )
    among_them = [TagAssignment.tag_id.in_(tag_ids), TagAssignment.document_id.in_(several)]
    _hand_provenance_on(session, tag_ids, several)
    place = func.row_number().over(
        partition_by=TagAssignment.document_id,
        order_by=[
            (TagAssignment.source == AssignmentSource.MANUAL).desc(),
            (TagAssignment.source == AssignmentSource.FILE).desc(),
            TagAssignment.confidence.desc().nulls_last(),
            (TagAssignment.tag_id == target_id).desc(),
            TagAssignment.id,
        ],
    )
    ranked = select(TagAssignment.id, place.label("place")).where(*among_them).subquery()
    session.execute(
        delete(TagAssignment)
        .where(TagAssignment.id.in_(select(ranked.c.id).where(ranked.c.place > 1)))
        .execution_options(synchronize_session=False)
    )


def _hand_provenance_on(session: Session, tag_ids: Collection[int], documents: Select[Any]) -> None:
    other = aliased(TagAssignment)
    place = func.row_number().over(
        partition_by=other.document_id, order_by=[other.confidence.desc().nulls_last(), other.id]
    )
    facts = ("provider", "model", "confidence", "attempt_id", "run_id")
    best = (
        select(other.document_id, *(getattr(other, fact) for fact in facts), place.label("place"))
        .where(
            other.tag_id.in_(tag_ids),
            other.document_id.in_(documents),
            or_(other.provider.is_not(None), other.source == AssignmentSource.AUTO),
        )
        .subquery()
    )
    session.execute(
        update(TagAssignment)
        .where(
            TagAssignment.document_id == best.c.document_id,
            best.c.place == 1,
            TagAssignment.tag_id.in_(tag_ids),
            TagAssignment.source == AssignmentSource.MANUAL,
            TagAssignment.provider.is_(None),
        )
        .values({fact: best.c[fact] for fact in facts})
        .execution_options(synchronize_session=False)
    )
