"""What people took off documents, when tags are renamed, merged or deleted: no removal is forgotten by it.

Three rules. A name that goes from the instance counts as removed from the documents that had it, so that tagging them
again does not bring it back. A document from which somebody removed the old name has the new one removed as well, for
they are the same tag now. And a document that has a tag has no removal of its name: what it has now is the later word.
"""

from collections.abc import Collection

from sqlalchemy import delete, exists, func, literal, select
from sqlalchemy.orm import Session

from autotag.models import Tag, TagAssignment, TagRejection
from autotag.models.base import utc_now
from autotag.tagging.tag_creation import insert_new_from

COLUMNS = ("instance_id", "document_id", "normalized_name", "created_by_id", "created_at")


def remember_removed(session: Session, tag_ids: Collection[int], user_id: int | None) -> None:
    """Remember for all documents that have these tags that their names were taken off them."""
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
    insert_new_from(session, TagRejection.__table__, COLUMNS, rows)


def carry_over(session: Session, tag: Tag, former_names: Collection[str]) -> None:
    """Make removals of former (folded) names removals of the tag, and forget those of documents that have it."""
    has_it = exists().where(
        TagAssignment.tag_id == tag.id, TagAssignment.document_id == TagRejection.document_id
    )
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
            ~has_it,
        )
        .group_by(TagRejection.instance_id, TagRejection.document_id)
    )
    insert_new_from(session, TagRejection.__table__, COLUMNS, rows)
    session.execute(
        delete(TagRejection)
        .where(
            TagRejection.instance_id == tag.instance_id,
            TagRejection.normalized_name == tag.normalized_name,
            has_it,
        )
        .execution_options(synchronize_session=False)
    )
