"""What people do with the tags of an instance: add, rename, delete; for merging see `tag_merging`.

All of it is set-based, in the caller's transaction, over documents in the recycle bin as well. Removals that people
made stay in force: see `tag_removals`.
"""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from autotag.instances.audit import audit
from autotag.media.library import search
from autotag.models import Tag, TagAssignment
from autotag.models.names import fold
from autotag.models.uniqueness import refused_when_taken
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.tags.create_and_lock import ensure_tags, lock_tags
from autotag.tagging.tags.listing import LARGEST_ID, TagNotFound, find_tag
from autotag.tagging.tags.names import TaggingRefused, clean_name
from autotag.tagging.tags.rejections import carry_over, remember_removed


class NameTaken(TaggingRefused):
    """The instance has another tag of this name, into which the renamed one could be merged."""

    def __init__(self, other: Tag) -> None:
        super().__init__("tag_name_taken", f"There is a tag {other.name} already.")
        self.other_id = other.id
        self.other_name = other.name


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
    instance_id = tag.instance_id

    def taken() -> NameTaken | None:
        # Somebody added the name since we looked.
        other = find_tag(session, instance_id, name)
        return None if other is None else NameTaken(other)

    with refused_when_taken(session, taken):
        tag.name, tag.normalized_name = name, fold(name)


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
        .where(Tag.owned_by(instance_id), Tag.id.in_(tag_ids))
        .execution_options(synchronize_session=False)
    )
