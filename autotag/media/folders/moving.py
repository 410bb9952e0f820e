"""Putting documents into another folder, and back where they were."""

from collections.abc import Collection, Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from autotag.media.errors import FolderNotFound
from autotag.models import Document, Folder
from autotag.models.unit_of_work import UnitOfWork

Places = dict[int | None, list[int]]
"""Ids of documents by the folder that they lie in; None is the top."""


def move_documents(
    work: UnitOfWork, instance_id: int, document_ids: Collection[int], folder_id: int | None
) -> Places:
    """Put documents into a folder, or to the top; return where those that moved lay before.

    Documents in the recycle bin and of other instances stay where they are. Raises FolderNotFound.
    """
    session = work.session
    if folder_id is not None and not _folders(session, instance_id, [folder_id]):
        raise FolderNotFound(folder_id)
    rows = session.execute(
        select(Document.id, Document.folder_id)
        .where(
            Document.owned_by(instance_id),
            Document.id.in_(document_ids),
            Document.deleted_at.is_(None),
            Document.folder_id.is_distinct_from(folder_id),
        )
        .with_for_update()
    ).all()
    before: Places = {}
    for document_id, former in rows:
        before.setdefault(former, []).append(document_id)
    _place(session, instance_id, [row.id for row in rows], folder_id)
    return before


def move_back(
    work: UnitOfWork, instance_id: int, before: Mapping[int | None, Collection[int]], folder_id: int | None
) -> int:
    """Undo a move: what still lies where it was moved to goes back; return how many documents.

    What somebody moved on meanwhile stays, and so does what came from a folder that is gone.
    """
    session = work.session
    there = _folders(session, instance_id, [former for former in before if former is not None])
    returned = 0
    for former, document_ids in before.items():
        if former is None or former in there:
            still = session.scalars(
                select(Document.id)
                .where(
                    Document.owned_by(instance_id),
                    Document.id.in_(document_ids),
                    Document.deleted_at.is_(None),
                    Document.folder_id.is_not_distinct_from(folder_id),
                )
                .with_for_update()
            ).all()
            _place(session, instance_id, still, former)
            returned += len(still)
    return returned


def _place(session: Session, instance_id: int, document_ids: Collection[int], folder_id: int | None) -> None:
    session.execute(
        update(Document)
        .where(Document.owned_by(instance_id), Document.id.in_(document_ids))
        .values(folder_id=folder_id)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


def _folders(session: Session, instance_id: int, folder_ids: Collection[int]) -> set[int]:
    """Return those of the ids that are folders of the instance, which nobody deletes before the end of this."""
    statement = select(Folder.id).where(Folder.owned_by(instance_id), Folder.id.in_(folder_ids))
    return set(session.scalars(statement.with_for_update(read=True, key_share=True)))
