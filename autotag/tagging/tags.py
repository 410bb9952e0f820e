"""What people do with the tags of an instance: add, rename, merge into one, delete.

All of it is set-based, in the caller's transaction, over documents in the recycle bin as well. Removals that people
made stay in force: see `tag_removals`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from autotag.instances.audit import audit
from autotag.media import search
from autotag.models import AssignmentSource, Tag, TagAssignment
from autotag.models.names import fold
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.tag_creation import ensure_tags, lock_tags
from autotag.tagging.tag_list import LARGEST_ID, TagNotFound, find_tag
from autotag.tagging.tag_names import TaggingRefused, clean_name
from autotag.tagging.tag_removals import carry_over, remember_removed


class NameTaken(TaggingRefused):
    """The instance has another tag of this name, into which the renamed one could be merged."""

    def __init__(self, other: Tag) -> None:
        super().__init__("tag_name_taken", f"There is a tag {other.name} already.")
        self.other_id = other.id
        self.other_name = other.name


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge came to: the tag that is left, the names that are gone, and the documents they were on."""

    tag: Tag
    gone: list[str]
    documents: int


def add_tag(work: UnitOfWork, instance_id: int, name: str) -> Tag:
    """Add a tag that is on no document yet. Raises TaggingRefused; NameTaken when it is there in any case."""
    wanted = clean_name(name)
    found = find_tag(work.session, instance_id, wanted)
    if found is not None:
        raise NameTaken(found)
    ensure_tags(work.session, instance_id, [wanted])
    return work.session.scalars(
        select(Tag).where(Tag.instance_id == instance_id, Tag.normalized_name == fold(wanted))
    ).one()


def rename_tag(
    work: UnitOfWork, instance_id: int, tag_id: int, name: str, *, actor: str, user_id: int | None
) -> Tag:
    """Give a tag another name. Raises TaggingRefused; NameTaken when another tag has it; TagNotFound.

    The old name counts as removed from the tag's documents, so that tagging them again does not bring it back.
    """
    wanted = clean_name(name)
    session = work.session
    tag = _locked(session, instance_id, tag_id)
    other = find_tag(session, instance_id, wanted)
    if other is not None and other.id != tag.id:
        raise NameTaken(other)
    former, former_key = tag.name, tag.normalized_name
    if wanted == former:
        return tag
    if fold(wanted) != former_key:
        remember_removed(session, [tag.id], user_id)
    _write_name(session, tag, wanted)
    if tag.normalized_name != former_key:
        carry_over(session, tag, [former_key])
    search.refresh(session, _documents(session, [tag.id]))
    audit(session, instance_id, actor, "tag renamed", wanted, [["Name", former, wanted]])
    return tag


def _write_name(session: Session, tag: Tag, name: str) -> None:
    try:
        with session.begin_nested():
            tag.name, tag.normalized_name = name, fold(name)
    except IntegrityError:
        # Somebody added the name since we looked.
        other = find_tag(session, tag.instance_id, name)
        if other is None:
            raise
        raise NameTaken(other) from None


def delete_tag(
    work: UnitOfWork, instance_id: int, tag_id: int, *, actor: str, user_id: int | None
) -> tuple[str, int]:
    """Take a tag off all documents and delete it; return its name and on how many it was. Raises TagNotFound.

    It counts as removed from them, so that tagging them again does not bring it back.
    """
    session = work.session
    tag = _locked(session, instance_id, tag_id)
    name, documents = tag.name, _documents(session, [tag_id])
    remember_removed(session, [tag_id], user_id)
    _delete(session, instance_id, [tag_id])
    search.refresh(session, documents)
    audit(session, instance_id, actor, "tag deleted", name, [["Files", len(documents), 0]])
    return name, len(documents)


def merge_tags(
    work: UnitOfWork,
    instance_id: int,
    source_ids: Collection[int],
    target_id: int,
    *,
    actor: str,
    user_id: int | None,
) -> Merged:
    """Merge tags into one: their documents get it instead.

    Raises TaggingRefused with code `nothing_to_merge`, and TagNotFound when the one that is to be left is gone.
    A document that had several of them keeps one assignment: a manual one before an automatic one, then the one
    with the highest confidence. A manual one without provenance takes over that of the best automatic one. Sources
    that somebody else merged meanwhile are left out.
    """
    session = work.session
    locked = {tag.id: tag for tag in lock_tags(session, instance_id, {*source_ids, target_id})}
    target = locked.pop(target_id, None)
    if target is None:
        raise TagNotFound(target_id)
    if not locked:
        raise TaggingRefused("nothing_to_merge", "Choose at least one other tag that is still there.")
    sources = sorted(locked)
    documents = _documents(session, sources)
    remember_removed(session, sources, user_id)
    _keep_one(session, [*sources, target_id], target_id)
    session.execute(
        update(TagAssignment)
        .where(TagAssignment.tag_id.in_(sources))
        .values(tag_id=target_id)
        .execution_options(synchronize_session=False)
    )
    carry_over(session, target, [tag.normalized_name for tag in locked.values()])
    gone = sorted(tag.name for tag in locked.values())
    _delete(session, instance_id, sources)
    search.refresh(session, documents)
    audit(session, instance_id, actor, "tags merged", target.name, [["Merged", ", ".join(gone), target.name]])
    return Merged(target, gone, len(documents))


def _locked(session: Session, instance_id: int, tag_id: int) -> Tag:
    found = lock_tags(session, instance_id, [tag_id]) if 0 < tag_id <= LARGEST_ID else []
    if not found:
        raise TagNotFound(tag_id)
    return found[0]


def _documents(session: Session, tag_ids: Collection[int]) -> list[int]:
    return list(
        session.scalars(select(TagAssignment.document_id).where(TagAssignment.tag_id.in_(tag_ids)).distinct())
    )


def _delete(session: Session, instance_id: int, tag_ids: Collection[int]) -> None:
    """Delete tags that are held; what is still assigned to them goes with them."""
    session.execute(
        delete(Tag)
        .where(Tag.instance_id == instance_id, Tag.id.in_(tag_ids))
        .execution_options(synchronize_session=False)
    )


def _keep_one(session: Session, tag_ids: Collection[int], target_id: int) -> None:
    """Leave one assignment where a document has several of the tags, with the provenance of the best of them."""
    several = (
        select(TagAssignment.document_id)
        .where(TagAssignment.tag_id.in_(tag_ids))
        .group_by(TagAssignment.document_id)
        .having(func.count() > 1)
    )
    among_them = [TagAssignment.tag_id.in_(tag_ids), TagAssignment.document_id.in_(several)]
    _hand_provenance_on(session, tag_ids, several)
    place = func.row_number().over(
        partition_by=TagAssignment.document_id,
        order_by=[
            (TagAssignment.source == AssignmentSource.MANUAL).desc(),
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
