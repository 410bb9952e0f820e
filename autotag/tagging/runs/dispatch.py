"""Runs meet the queue: their documents are handed out a window at a time, taken back, and accounted for.

An item is `queued` while its document is on the way for this run. Whatever ends that (a person, a new version of
the file, the recycle bin, a worker's death) is found at the scheduler's next look, which follows the document: so
each part may be killed anywhere and run twice.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select, true, update
from sqlalchemy.orm import Session

from autotag.media.library import search
from autotag.models import (
    AssignmentSource,
    Document,
    RunItemState,
    RunScope,
    TagAssignment,
    TaggingAttempt,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
)
from autotag.models.base import utc_now
from autotag.models.tagging_run import FINAL_STATES, item_state

WINDOW = 64
"""Documents of all runs together that wait for a worker: enough for a second's work of many workers, few enough
that an upload gets its turn at once."""

CHUNK = 500
"""Documents that are changed in one transaction, so that nobody waits long for the next one."""


def hand_out(session: Session, run: TaggingRun, share: int) -> int:
    """Queue the next waiting documents of a run that are free, so that a share of it waits for the workers.

    Return how many items got on. Those are left out that lie in the recycle bin, or got tags meanwhile that a run
    over what has none would not add to.
    """
    room = _room(session, run, share)
    if room <= 0:
        return 0
    found = session.execute(
        select(TaggingRunItem.document_id, _is_out(run).label("is_out"))
        .join(Document, Document.id == TaggingRunItem.document_id)
        .where(
            TaggingRunItem.run_id == run.id,
            TaggingRunItem.state == RunItemState.WAITING,
            or_(Document.deleted_at.is_not(None), Document.tagging_state.in_(FINAL_STATES)),
        )
        .order_by(TaggingRunItem.document_id)
        .limit(room)
    ).all()
    left_out = [row.document_id for row in found if row.is_out]
    _set_items(session, run, left_out, RunItemState.LEFT_OUT)
    ids = [row.document_id for row in found if not row.is_out]
    _remember(session, run, ids)
    queued = _queue(session, run, ids)
    _set_items(session, run, queued, RunItemState.QUEUED)
    return len(left_out) + len(queued)


def put_back(
    session: Session,
    run: TaggingRun,
    limit: int,
    *,
    where: ColumnElement[bool] | None = None,
    into: RunItemState = RunItemState.WAITING,
) -> int:
    """Take documents of a run that nobody has in hand off the queue, as they were before; return how many.

    Tags of an attempt that waits for another provider go, so that no document stays half tagged.
    """
    ids = session.scalars(
        _documents(run, RunItemState.QUEUED, RunItemState.FAILED)
        .where(
            Document.tagging_run_id == run.id,
            Document.tagging_state == TaggingState.QUEUED,
            true() if where is None else where,
        )
        .limit(limit)
    ).all()
    taken = restore(session, run, ids, Document.tagging_state == TaggingState.QUEUED)
    waiting = exists().where(
        TaggingAttempt.id == TagAssignment.attempt_id, TaggingAttempt.state == TaggingState.QUEUED
    )
    remove_assignments(session, run, taken, waiting)
    _set_items(session, run, taken, into)
    return len(taken)


def settle(session: Session, run: TaggingRun) -> None:
    """Follow what became of the documents on the way for a run without an attempt of it being recorded."""
    queued = _documents(run, RunItemState.QUEUED)
    others = or_(Document.tagging_run_id.is_(None), Document.tagging_run_id != run.id)
    _set_items(session, run, session.scalars(queued.where(others)).all(), RunItemState.WAITING)
    put_back(session, run, CHUNK, where=Document.deleted_at.is_not(None), into=RunItemState.LEFT_OUT)
    ended = session.execute(
        queued.where(Document.tagging_run_id == run.id, Document.tagging_state.in_(FINAL_STATES)).add_columns(
            Document.tagging_state, Document.tagging_updated_at
        )
    ).all()
    for document_id, state, updated_at in ended:
        _set_items(session, run, [document_id], item_state(state), finished_at=updated_at)


def restore(
    session: Session, run: TaggingRun, ids: Sequence[int], condition: ColumnElement[bool]
) -> Sequence[int]:
    """Give those of the documents that meet a condition, and are this run's, the state that they had before it.

    Return their ids.
    """
    item = (TaggingRunItem.run_id == run.id, TaggingRunItem.document_id == Document.id)
    return session.scalars(
        update(Document)
        .where(Document.id.in_(ids), Document.tagging_run_id == run.id, condition)
        .values(
            tagging_state=select(TaggingRunItem.previous_state).where(*item).scalar_subquery(),
            tagging_reason_code=select(TaggingRunItem.previous_reason_code).where(*item).scalar_subquery(),
            tagging_reason=select(TaggingRunItem.previous_reason).where(*item).scalar_subquery(),
            tagging_updated_at=utc_now(),
            tagging_enqueued_at=None,
            tagging_not_before=None,
            tagging_requested=False,
            tagging_run_id=None,
        )
        .returning(Document.id)
        .execution_options(synchronize_session=False)
    ).all()


def remove_assignments(
    session: Session, run: TaggingRun, ids: Sequence[int], condition: ColumnElement[bool] | None = None
) -> set[int]:
    """Take off what a run put on documents and no person made their own; return which documents lost something."""
    if not ids:
        return set()
    # The sum keeps SQLite from walking all that the run has assigned, which its index names, for a few documents.
    of_run = TagAssignment.run_id + 0 == run.id
    removed = session.scalars(
        delete(TagAssignment)
        .where(
            TagAssignment.document_id.in_(ids),
            of_run,
            TagAssignment.source == AssignmentSource.AUTO,
            true() if condition is None else condition,
        )
        .returning(TagAssignment.document_id)
        .execution_options(synchronize_session=False)
    ).all()
    changed = set(removed)
    search.refresh(session, changed)
    return changed


def _room(session: Session, run: TaggingRun, share: int) -> int:
    """Return how many more documents of a run may be handed out now.

    One that waits for a provider and has what the others said takes no room, so that a service that is down does
    not keep the others from going on. One that waits and had nobody to ask does: then the whole run waits.
    """
    now = utc_now()
    rests = and_(
        Document.tagging_not_before.is_not(None),
        Document.tagging_not_before > now,
        Document.tagging_attempts > 0,
    )
    waiting = (
        _documents(run, RunItemState.QUEUED)
        .where(Document.tagging_state == TaggingState.QUEUED, ~rests)
        .limit(share)
    )
    return share - len(session.scalars(waiting).all())


def _is_out(run: TaggingRun) -> ColumnElement[bool]:
    binned = Document.deleted_at.is_not(None)
    if run.scope is not RunScope.UNTAGGED:
        return binned
    tagged = exists().where(TagAssignment.document_id == Document.id)
    # What this run tried before may be tried again whatever it has.
    return or_(binned, and_(tagged, Document.tagging_run_id.is_distinct_from(run.id)))


def _remember(session: Session, run: TaggingRun, ids: Sequence[int]) -> None:
    """Note the state to go back to. One that this run itself brought about, and tries again, is not it."""
    others = select(Document.id).where(Document.id.in_(ids), Document.tagging_run_id.is_distinct_from(run.id))
    of_document = Document.id == TaggingRunItem.document_id
    session.execute(
        update(TaggingRunItem)
        .where(TaggingRunItem.run_id == run.id, TaggingRunItem.document_id.in_(others))
        .values(
            previous_state=select(Document.tagging_state).where(of_document).scalar_subquery(),
            previous_reason_code=select(Document.tagging_reason_code).where(of_document).scalar_subquery(),
            previous_reason=select(Document.tagging_reason).where(of_document).scalar_subquery(),
        )
        .execution_options(synchronize_session=False)
    )


def _queue(session: Session, run: TaggingRun, ids: Sequence[int]) -> Sequence[int]:
    """Queue documents for a run. One on which processes have died keeps that mark, so that it is taken alone."""
    return session.scalars(
        update(Document)
        .where(
            Document.id.in_(ids),
            Document.deleted_at.is_(None),
            Document.tagging_state.in_(FINAL_STATES),
        )
        .values(
            tagging_state=TaggingState.QUEUED,
            tagging_reason_code="",
            tagging_reason="",
            tagging_attempts=0,
            tagging_updated_at=utc_now(),
            tagging_enqueued_at=None,
            tagging_not_before=None,
            tagging_requested=True,
            tagging_run_id=run.id,
        )
        .returning(Document.id)
        .execution_options(synchronize_session=False)
    ).all()


def _documents(run: TaggingRun, *states: RunItemState) -> Select[int]:
    """Return the statement for the ids of a run's documents whose items are in some states."""
    return (
        select(Document.id)
        .join(TaggingRunItem, TaggingRunItem.document_id == Document.id)
        .where(TaggingRunItem.run_id == run.id, TaggingRunItem.state.in_(states))
    )


def _set_items(
    session: Session,
    run: TaggingRun,
    ids: Sequence[int],
    state: RunItemState,
    *,
    finished_at: datetime | None = None,
) -> None:
    if ids:
        session.execute(
            update(TaggingRunItem)
            .where(TaggingRunItem.run_id == run.id, TaggingRunItem.document_id.in_(ids))
            .values(state=state, finished_at=finished_at)
            .execution_options(synchronize_session=False)
        )
