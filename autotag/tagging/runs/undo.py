"""Undoing a run: what it added goes, and nothing else; a part at a time, so that it may be killed and repeated."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from autotag.models import (
    AssignmentSource,
    Document,
    RunItemState,
    Tag,
    TagAssignment,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
)
from autotag.models.base import utc_now
from autotag.models.tagging_run import FINAL_STATES
from autotag.tagging.runs.dispatch import CHUNK, remove_assignments, restore
from autotag.tagging.tags.create_and_lock import lock_tags

UNDONE_REASON = "The run that tagged it was undone."


def take_back(session: Session, run: TaggingRun, limit: int) -> int:
    """Undo some of what a run has done; return for how many documents. Those in a worker's hand come later."""
    on_the_way = (Document.tagging_run_id == run.id) & Document.tagging_state.not_in(FINAL_STATES)
    ids = session.scalars(
        select(Document.id)
        .join(TaggingRunItem, TaggingRunItem.document_id == Document.id)
        .where(
            TaggingRunItem.run_id == run.id,
            TaggingRunItem.state.in_((RunItemState.DONE, RunItemState.FAILED)),
            or_(Document.tagging_run_id.is_(None), ~on_the_way),
        )
        .limit(limit)
    ).all()
    changed = remove_assignments(session, run, ids)
    # What changed the state since has left its time on the document.
    unchanged = Document.tagging_state.in_(FINAL_STATES) & exists().where(
        TaggingRunItem.run_id == run.id,
        TaggingRunItem.document_id == Document.id,
        TaggingRunItem.finished_at == Document.tagging_updated_at,
    )
    restored = restore(session, run, ids, unchanged)
    _correct_states(session, sorted(changed - set(restored)))
    _let_go(session, run, ids)
    return len(ids)


def finish_undo(session: Session, run: TaggingRun) -> None:
    """Note that a run is undone once nothing of it is left, and delete the tags that it brought and nobody uses."""
    left = select(TaggingRunItem.document_id).where(
        TaggingRunItem.run_id == run.id,
        TaggingRunItem.state.in_((RunItemState.QUEUED, RunItemState.DONE, RunItemState.FAILED)),
    )
    if session.scalar(left.limit(1)) is not None or _remove_strays(session, run):
        return
    brought = session.scalars(select(Tag.id).where(Tag.created_by_run_id == run.id)).all()
    # Whoever is assigning one of them is waited for: deleted with the tag, that assignment would be lost.
    lock_tags(session, run.instance_id, brought)
    _delete_unused_tags(session, run)
    run.finished_at = utc_now()
    session.flush()


def _delete_unused_tags(session: Session, run: TaggingRun) -> None:
    brought = session.scalars(
        select(Tag.id).where(Tag.instance_id == run.instance_id, Tag.created_by_run_id == run.id)
    ).all()
    # Whoever is assigning one of them is waited for, so that the statement below sees it used.
    lock_tags(session, run.instance_id, brought)
    session.execute(
        delete(Tag)
        .where(Tag.id.in_(brought), ~exists().where(TagAssignment.tag_id == Tag.id))
        .execution_options(synchronize_session=False)
    )


def _remove_strays(session: Session, run: TaggingRun) -> bool:
    """Take off what the run put on documents whose items stand elsewhere by now; whether there was any."""
    strays = session.scalars(
        select(TagAssignment.document_id)
        .where(TagAssignment.run_id == run.id, TagAssignment.source == AssignmentSource.AUTO)
        .distinct()
        .limit(CHUNK)
    ).all()
    return bool(remove_assignments(session, run, strays))


def _correct_states(session: Session, ids: Sequence[int]) -> None:
    """Documents that something else had tagged since, and have no tag left, are not `tagged` any more."""
    session.execute(
        update(Document)
        .where(
            Document.id.in_(ids),
            Document.tagging_state == TaggingState.TAGGED,
            ~exists().where(TagAssignment.document_id == Document.id),
        )
        .values(
            tagging_state=TaggingState.NO_TAGS,
            tagging_reason_code="run_undone",
            tagging_reason=UNDONE_REASON,
            tagging_updated_at=utc_now(),
        )
        .execution_options(synchronize_session=False)
    )


def _let_go(session: Session, run: TaggingRun, ids: Sequence[int]) -> None:
    if not ids:
        return
    session.execute(
        update(Document)
        .where(Document.id.in_(ids), Document.tagging_run_id == run.id)
        .values(tagging_run_id=None, tagging_requested=False)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(TaggingRunItem)
        .where(TaggingRunItem.run_id == run.id, TaggingRunItem.document_id.in_(ids))
        .values(state=RunItemState.UNDONE)
        .execution_options(synchronize_session=False)
    )
