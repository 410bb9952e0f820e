"""The recycle bin: documents go in, come back where they were, or go for good.

A document in the bin keeps its tags, its versions and where it stands in tagging. What is deleted at once has one
moment in `deleted_at`, by which the act is known and can be taken back as a whole.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, case, delete, select, update
from sqlalchemy.orm import Session

from autotag.media.library import search
from autotag.media.library.folder_paths import ensure_folder, folder_paths
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.storage.garbage import release
from autotag.models import Document, DocumentVersion, PredictionSet, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork

CHUNK = 500
"""Documents named in one statement."""

EVERYTHING = Selection(query=DocumentQuery(in_bin=True))

Item = TypeVar("Item")


def trash(
    work: UnitOfWork,
    instance_id: int,
    selection: Selection,
    *,
    user_id: int | None,
    moment: datetime | None = None,
) -> datetime:
    """Put documents into the bin; return the moment that stands on all of them, by which the act is known.

    `moment` continues an act that is done in parts. The path of each document's folder is noted before its folder
    is left, so whoever deletes a folder calls this first.
    """
    session = work.session
    moment = moment or utc_now()
    rows = session.execute(
        select(Document.id, Document.folder_id).where(
            Document.id.in_(selection.select_ids(session, instance_id).scalar_subquery())
        )
    ).all()
    by_folder: dict[int | None, list[int]] = {}
    for document_id, folder_id in rows:
        by_folder.setdefault(folder_id, []).append(document_id)
    paths = folder_paths(session, instance_id, [key for key in by_folder if key is not None])
    for folder_id, ids in by_folder.items():
        for chunk in _chunks(ids):
            session.execute(
                update(Document)
                .where(
                    Document.owned_by(instance_id),
                    Document.id.in_(chunk),
                    Document.deleted_at.is_(None),
                )
                .values(
                    deleted_at=moment,
                    deleted_by_id=user_id,
                    deleted_from=paths.get(folder_id, "") if folder_id is not None else "",
                    folder_id=None,
                )
                .execution_options(synchronize_session=False)
            )
    session.expire_all()
    return moment


def restore(work: UnitOfWork, instance_id: int, selection: Selection) -> int:
    """Take documents out of the bin, back into the folders they lay in; return how many.

    A folder that is gone is made again; one of that name that was made meanwhile is used.
    """
    return _restore(work.session, instance_id, in_bin(work.session, instance_id, selection))


def restore_act(work: UnitOfWork, instance_id: int, stamp: datetime, user_id: int | None) -> int:
    """Take back what one person deleted at one moment; return how many documents came back."""
    return _restore(work.session, instance_id, of_act(instance_id, stamp, user_id))


def purge(work: UnitOfWork, instance_id: int, selection: Selection) -> int:
    """Delete documents of the bin for good; return how many. The files they named go later, with the sweep."""
    session = work.session
    ids: list[int] = list(session.scalars(in_bin(session, instance_id, selection)))
    gone = [one for chunk in _chunks(ids) for one in _purge(session, instance_id, chunk)]
    session.expire_all()
    return len(gone)


def empty(work: UnitOfWork, instance_id: int) -> int:
    """Delete everything in the bin for good; return how many documents that were."""
    return purge(work, instance_id, EVERYTHING)


def in_bin(session: Session, instance_id: int, selection: Selection) -> Select[Any]:
    """Return the statement for the ids of those of the chosen documents that lie in the bin."""
    query = replace(selection.query or DocumentQuery(), in_bin=True)
    found = Selection(query=query).select_ids(session, instance_id)
    return found if selection.query is not None else found.where(Document.id.in_(selection.ids))


def of_act(instance_id: int, stamp: datetime, user_id: int | None) -> Select[Any]:
    """Return the statement for the ids of what one person deleted at one moment."""
    return select(Document.id).where(
        Document.instance_id == instance_id,
        Document.deleted_at == stamp,
        Document.deleted_by_id.is_(None) if user_id is None else Document.deleted_by_id == user_id,
    )


def _restore(session: Session, instance_id: int, chosen: Select[Any]) -> int:
    rows = session.execute(
        select(Document.id, Document.deleted_from).where(Document.id.in_(chosen.scalar_subquery()))
    ).all()
    by_path: dict[str, list[int]] = {}
    for document_id, path in rows:
        by_path.setdefault(path, []).append(document_id)
    restored = 0
    for path, ids in by_path.items():
        folder_id = ensure_folder(session, instance_id, path)
        for chunk in _chunks(ids):
            restored += _bring_back(session, instance_id, chunk, folder_id)
    session.expire_all()
    return restored


def _bring_back(session: Session, instance_id: int, ids: Collection[int], folder_id: int | None) -> int:
    back = session.execute(
        update(Document)
        .where(*_still_in_bin(instance_id, ids))
        .values(
            deleted_at=None,
            deleted_by_id=None,
            deleted_from="",
            folder_id=folder_id,
            # What waited to be tagged goes on at once: reconcile hands out what nobody has handed out.
            tagging_enqueued_at=case(
                (Document.tagging_state == TaggingState.QUEUED, None), else_=Document.tagging_enqueued_at
            ),
        )
        .returning(Document.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(back)


def _purge(session: Session, instance_id: int, ids: Collection[int]) -> list[int]:
    named = set(
        session.scalars(
            select(Document.sha256)
            .where(Document.owned_by(instance_id), Document.id.in_(ids))
            .union(
                select(DocumentVersion.sha256).where(
                    DocumentVersion.owned_by(instance_id), DocumentVersion.document_id.in_(ids)
                )
            )
        )
    )
    gone = session.scalars(
        delete(Document)
        .where(*_still_in_bin(instance_id, ids))
        .returning(Document.id)
        .execution_options(synchronize_session=False)
    ).all()
    search.refresh(session, gone)
    release(session, named)
    _forget_predictions(session, instance_id, named)
    return list(gone)


def _forget_predictions(session: Session, instance_id: int, hashes: Collection[str]) -> None:
    """What providers said of bytes goes with the last document of the instance that held them."""
    session.execute(
        delete(PredictionSet)
        .where(
            PredictionSet.instance_id == instance_id,
            PredictionSet.sha256.in_(hashes),
            PredictionSet.sha256.not_in(
                select(Document.sha256).where(
                    Document.instance_id == instance_id, Document.sha256.in_(hashes)
                )
            ),
            PredictionSet.sha256.not_in(
                select(DocumentVersion.sha256).where(
                    DocumentVersion.instance_id == instance_id, DocumentVersion.sha256.in_(hashes)
                )
            ),
        )
        .execution_options(synchronize_session=False)
    )


def _still_in_bin(instance_id: int, ids: Collection[int]) -> tuple[ColumnElement[bool], ...]:
    """Between looking and acting somebody else may have restored or deleted a document."""
    return (
        Document.owned_by(instance_id),
        Document.id.in_(ids),
        Document.deleted_at.is_not(None),
    )


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
