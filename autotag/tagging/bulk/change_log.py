"""What the parts of a bulk action changed about tags: noted as they are done, taken back part by part."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.models import BulkAction, BulkChange
from autotag.tagging.document_tags.change_log import TagChanges
from autotag.tagging.document_tags.undo import take_back

NOTED = "noted"
"""The parameter of an action that says that something is noted of it."""


def note(session: Session, action: BulkAction, changes: TagChanges) -> None:
    """Note what a part of an action changed, if it did."""
    if changes.is_empty:
        return
    session.add(
        BulkChange(
            instance_id=action.instance_id,
            action_id=action.id,
            documents=len(changes.document_ids),
            changes=changes.written(),
        )
    )
    action.parameters = action.parameters | {NOTED: True}


def count_noted(session: Session, action_id: int) -> int:
    """Count the documents that an action changed, as far as that is not taken back."""
    found = select(func.sum(BulkChange.documents)).where(BulkChange.action_id == action_id)
    return session.scalar(found) or 0


def take_part_back(session: Session, action_id: int) -> int | None:
    """Take the last part of an action back; return how many documents it had changed, None when nothing is left."""
    newest = (
        select(BulkChange).where(BulkChange.action_id == action_id).order_by(BulkChange.id.desc()).limit(1)
    )
    part = session.scalar(newest)
    if part is None:
        return None
    documents = part.documents
    take_back(session, part.instance_id, TagChanges.read(part.changes))
    session.delete(part)
    session.flush()
    return documents
