"""What people do with tags on documents: add, remove, replace; take automatic ones off, or make them their own.

All of it is set-based and says what changes, not what the result is, so that two people who edit the same document
at once both keep their edits. The caller's unit of work commits; documents that are not of the instance are left
alone. Whoever wants to take it back later gives `changes`, in which all that is changed is noted.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from autotag.media.library import search
from autotag.models import AssignmentSource, Document, Tag, TagAssignment, TaggingState, TagRejection
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.names import fold
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.document_tags.change_log import ASSIGNMENT, REJECTION, Forgotten, TagChanges
from autotag.tagging.tags.create_and_lock import ensure_tags
from autotag.tagging.tags.names import clean_names

UNTAGGED_REASON = "A person took the automatic tags off."


def add_tags(
    work: UnitOfWork,
    instance_id: int,
    document_ids: Collection[int],
    names: Sequence[str],
    *,
    user_id: int | None,
    changes: TagChanges | None = None,
) -> None:
    """Put tags on documents by hand. Another tag of that name becomes manual; a removal is forgotten.

    Raises TaggingRefused for a name that cannot be a tag; then nothing is changed.
    """
    session = work.session
    wanted = clean_names(names)
    ids = _own(session, instance_id, document_ids)
    if not wanted or not ids:
        return
    changes = TagChanges() if changes is None else changes
    tag_ids = ensure_tags(session, instance_id, wanted)
    _forget_removals(session, ids, tag_ids, changes)
    others = TagAssignment.tag_id.in_(tag_ids.values()) & (TagAssignment.source != AssignmentSource.MANUAL)
    _make_manual(session, ids, others, user_id, changes)
    rows: list[dict[str, object]] = [
        {
            "instance_id": instance_id,
            "document_id": document_id,
            "tag_id": tag_id,
            "source": AssignmentSource.MANUAL,
            "created_by_id": user_id,
            "created_at": changes.moment,
        }
        for document_id in ids
        for tag_id in tag_ids.values()
    ]
    added = insert_new(session, TagAssignment.__table__, rows, TagAssignment.id, TagAssignment.document_id)
    changes.added += [(row.id, row.document_id) for row in added]
    search.refresh(session, ids)


def remove_tags(
    work: UnitOfWork,
    instance_id: int,
    document_ids: Collection[int],
    names: Sequence[str],
    *,
    user_id: int | None,
    changes: TagChanges | None = None,
) -> None:
    """Take tags off documents, and remember it: no provider puts them back there."""
    session = work.session
    changes = TagChanges() if changes is None else changes
    changes.remembers = True
    ids = _own(session, instance_id, document_ids)
    tags = session.scalars(
        select(Tag).where(
            Tag.instance_id == instance_id, Tag.normalized_name.in_({fold(name) for name in names})
        )
    ).all()
    if not tags or not ids:
        return
    folded = {tag.id: tag.normalized_name for tag in tags}
    there = session.execute(
        select(TagAssignment.document_id, TagAssignment.tag_id).where(
            TagAssignment.document_id.in_(ids), TagAssignment.tag_id.in_(folded)
        )
    ).all()
    rows: list[dict[str, object]] = [
        {
            "instance_id": instance_id,
            "document_id": document_id,
            "normalized_name": folded[tag_id],
            "created_by_id": user_id,
            "created_at": changes.moment,
        }
        for document_id, tag_id in there
    ]
    insert_new(session, TagRejection.__table__, rows)
    _delete_assignments(session, ids, TagAssignment.tag_id.in_(folded), changes)
    search.refresh(session, ids)


def replace_tags(
    work: UnitOfWork,
    instance_id: int,
    document_ids: Collection[int],
    names: Sequence[str],
    *,
    user_id: int | None,
    changes: TagChanges | None = None,
) -> None:
    """Leave just these tags on documents: others are removed as a person removes them. Raises TaggingRefused."""
    wanted = clean_names(names)
    session = work.session
    ids = _own(session, instance_id, document_ids)
    kept = {fold(name) for name in wanted}
    # Tags are taken hold of before assignments are touched, as everywhere; see `tag_creation`.
    ensure_tags(session, instance_id, wanted)
    others = session.scalars(
        select(Tag.name)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.document_id.in_(ids), Tag.normalized_name.not_in(kept))
        .distinct()
    ).all()
    remove_tags(work, instance_id, ids, others, user_id=user_id, changes=changes)
    add_tags(work, instance_id, ids, wanted, user_id=user_id, changes=changes)


def untag(
    work: UnitOfWork, instance_id: int, document_ids: Collection[int], *, changes: TagChanges | None = None
) -> int:
    """Take the automatic tags off documents; return how many went. They may come back when tagged again."""
    session = work.session
    ids = _own(session, instance_id, document_ids)
    removed = _delete_assignments(session, ids, TagAssignment.source == AssignmentSource.AUTO, changes)
    changed = {row.document_id for row in removed}
    if changed:
        session.execute(
            update(Document)
            .where(
                Document.owned_by(instance_id),
                Document.id.in_(changed),
                Document.tagging_state == TaggingState.TAGGED,
            )
            .values(
                tagging_state=TaggingState.NO_TAGS,
                tagging_reason_code="untagged",
                tagging_reason=UNTAGGED_REASON,
                tagging_updated_at=utc_now(),
            )
            .execution_options(synchronize_session=False)
        )
        search.refresh(session, changed)
    return len(removed)


def commit_tags(
    work: UnitOfWork,
    instance_id: int,
    document_ids: Collection[int],
    *,
    user_id: int | None,
    run_id: int | None = None,
    changes: TagChanges | None = None,
) -> int:
    """Turn automatic tags of documents into ordinary ones, or with a run those that it gave; return how many.

    Where they came from stays noted.
    """
    ids = _own(work.session, instance_id, document_ids)
    automatic = TagAssignment.source == AssignmentSource.AUTO
    if run_id is not None:
        automatic &= TagAssignment.run_id == run_id
    return _make_manual(work.session, ids, automatic, user_id, changes)


def _own(session: Session, instance_id: int, document_ids: Collection[int]) -> list[int]:
    """Return those of the ids that are documents of the instance, also from the recycle bin."""
    return list(
        session.scalars(
            select(Document.id).where(Document.owned_by(instance_id), Document.id.in_(document_ids))
        )
    )


def _make_manual(
    session: Session,
    ids: Collection[int],
    which: ColumnElement[bool],
    user_id: int | None,
    changes: TagChanges | None,
) -> int:
    changed = session.execute(
        update(TagAssignment)
        .where(TagAssignment.document_id.in_(ids), which)
        .values(source=AssignmentSource.MANUAL, created_by_id=user_id)
        .returning(TagAssignment.id, TagAssignment.document_id)
        .execution_options(synchronize_session=False)
    ).all()
    if changes is not None:
        changes.made_manual += [(row.id, row.document_id) for row in changed]
    return len(changed)


def _delete_assignments(
    session: Session, ids: Collection[int], which: ColumnElement[bool], changes: TagChanges | None
) -> Sequence[Any]:
    gone = session.execute(
        delete(TagAssignment)
        .where(TagAssignment.document_id.in_(ids), which)
        .returning(*ASSIGNMENT)
        .execution_options(synchronize_session=False)
    ).all()
    if changes is not None:
        changes.note_removed(session, gone)
    return gone


def _forget_removals(
    session: Session, ids: Collection[int], tag_ids: dict[str, int], changes: TagChanges
) -> None:
    gone = session.execute(
        delete(TagRejection)
        .where(TagRejection.document_id.in_(ids), TagRejection.normalized_name.in_(tag_ids))
        .returning(*REJECTION)
        .execution_options(synchronize_session=False)
    )
    changes.forgotten += [Forgotten(*row) for row in gone]
