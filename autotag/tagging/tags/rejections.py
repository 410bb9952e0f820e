"""What people took off documents, when tags are renamed, merged or deleted: no removal is forgotten by it.

Three rules. A name that goes from the instance counts as removed from the documents that had it, so that tagging them
again does not bring it back. A document from which somebody removed the old name has the new one removed as well, for
they are the same tag now. And a document that has a tag has no removal of its name: what it has now is the later word.
"""

from collections.abc import Collection

from sqlalchemy import Exists, delete, exists, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from autotag.models import Tag, TagAssignment, TagRejection
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new_from

COLUMNS = ("instance_id", "document_id", "normalized_name", "created_by_id", "created_at")


def remember_removed(
    session: Session,
    tag_ids: Collection[int],
    user_id: int | None,
    document_ids: Collection[int] | None = None,
) -> None:
    """Remember for the documents that have these tags, all or some, that their names were taken off them."""
    rows = (
        select(
            TagAssignment.instance_id,
            TagAssignment.document_id,
            Tag.normalized_name,
            literal(user_id, TagRejection.created_by_id.type).label("created_by_id"),
            literal(utc_now(), TagRejection.created_at.type).label("created_at"),
        )
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(TagAssignment.tag_id.in_(tag_ids))
    )
    if document_ids is not None:
        rows = rows.where(TagAssignment.document_id.in_(document_ids))
    insert_new_from(session, TagRejection.__table__, COLUMNS, rows)


def carry_over(session: Session, tag: Tag, former_names: Collection[str]) -> None:
    """Make removals of former (folded) names removals of the tag, and forget those of documents that have it."""
    inherit(session, tag, former_names)
    overrule(session, tag)


def inherit(session: Session, tag: Tag, former_names: Collection[str], limit: int | None = None) -> int:
    """Make removals of former (folded) names removals of the tag, where the document does not have it.

    With a limit for so many documents; returns for how many, so that fewer than the limit means all.
    """
    theirs = aliased(TagRejection)
    wanted = (
        select(TagRejection.document_id)
        .where(
            TagRejection.instance_id == tag.instance_id,
            TagRejection.normalized_name.in_(former_names),
            ~_has(tag, TagRejection.document_id),
            ~exists().where(
                theirs.document_id == TagRejection.document_id, theirs.normalized_name == tag.normalized_name
            ),
        )
        .distinct()
        .limit(limit)
    )
    ids = session.scalars(wanted).all()
    if not ids:
        return 0
    chosen = TagRejection.document_id.in_(ids if limit is not None else wanted)
    rows = (
        select(
            TagRejection.instance_id,
            TagRejection.document_id,
            literal(tag.normalized_name).label("normalized_name"),
            func.min(TagRejection.created_by_id).label("created_by_id"),
            func.min(TagRejection.created_at).label("created_at"),
        )
        .where(
            TagRejection.instance_id == tag.instance_id,
            TagRejection.normalized_name.in_(former_names),
            chosen,
        )
        .group_by(TagRejection.instance_id, TagRejection.document_id)
    )
    insert_new_from(session, TagRejection.__table__, COLUMNS, rows)
    return len(ids)


def overrule(session: Session, tag: Tag, document_ids: Collection[int] | None = None) -> None:
    """Forget removals of the tag from the documents that have it, all or some."""
    statement = delete(TagRejection).where(
        TagRejection.instance_id == tag.instance_id,
        TagRejection.normalized_name == tag.normalized_name,
        _has(tag, TagRejection.document_id),
    )
    if document_ids is not None:
        statement = statement.where(TagRejection.document_id.in_(document_ids))
    session.execute(statement.execution_options(synchronize_session=False))


def _has(tag: Tag, document_id: InstrumentedAttribute[int]) -> Exists:
    return exists().where(TagAssignment.tag_id == tag.id, TagAssignment.document_id == document_id)
