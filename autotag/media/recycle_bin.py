"""The recycle bin: documents go in, and come back where they were."""

from datetime import datetime

from sqlalchemy import select, update

from autotag.media.folder_tree import path_of
from autotag.media.query import Selection
from autotag.models import Document, Folder
from autotag.models.base import utc_now
from autotag.models.names import fold
from autotag.models.unit_of_work import UnitOfWork


def trash(work: UnitOfWork, instance_id: int, selection: Selection, *, user_id: int | None) -> datetime:
    """Put documents into the bin; return the moment that stands on all of them, by which the act is known."""
    session, stamp = work.session, utc_now()
    chosen = selection.select_ids(session, instance_id).scalar_subquery()
    folders = set(session.scalars(select(Document.folder_id).where(Document.id.in_(chosen))))
    for folder_id in folders:
        steps = path_of(session, instance_id, folder_id) if folder_id else []
        session.execute(
            update(Document)
            .where(Document.id.in_(chosen), Document.folder_id.is_not_distinct_from(folder_id))
            .values(
                deleted_at=stamp,
                deleted_by_id=user_id,
                deleted_from="/".join(step.name for step in steps),
                folder_id=None,
            )
            .execution_options(synchronize_session=False)
        )
    session.expire_all()
    return stamp


def restore_act(work: UnitOfWork, instance_id: int, stamp: datetime, user_id: int | None) -> int:
    """Take back what one person deleted at one moment; return how many documents came back."""
    session = work.session
    documents = session.scalars(
        select(Document).where(
            Document.instance_id == instance_id,
            Document.deleted_at == stamp,
            Document.deleted_by_id.is_not_distinct_from(user_id),
        )
    ).all()
    for document in documents:
        parent_id: int | None = None
        for name in filter(None, document.deleted_from.split("/")):
            folder = session.scalar(
                select(Folder).where(
                    Folder.instance_id == instance_id,
                    Folder.parent_id.is_not_distinct_from(parent_id),
                    Folder.normalized_name == fold(name),
                )
            )
            if folder is None:
                folder = Folder(instance_id=instance_id, parent_id=parent_id, name=name)
                folder.normalized_name = fold(name)
                session.add(folder)
                session.flush()
            parent_id = folder.id
        document.folder_id, document.deleted_at = parent_id, None
        document.deleted_by_id, document.deleted_from = None, ""
    session.flush()
    return len(documents)
