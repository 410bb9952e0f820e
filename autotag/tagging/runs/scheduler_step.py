"""The scheduler's look after runs: hand out, take back, finish, undo. Killed anywhere, the next look goes on."""

import time
from functools import partial

import structlog
from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.effective import load_tagging_settings
from autotag.guards import attempt
from autotag.models import RunItemState, RunState, TaggingRun, TaggingRunItem
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.failed_tries import forget_failures, is_due, note_failure
from autotag.tagging.runs.dispatch import CHUNK, WINDOW, hand_out, put_back, settle
from autotag.tagging.runs.progress import count_items
from autotag.tagging.runs.undo import finish_undo, take_back
from autotag.webhooks.outbox import note_run_finished

logger = structlog.stdlib.get_logger(__name__)

SMALLEST_SHARE = 4
"""What a run may hand out, however many there are beside it."""

PATIENCE_SECONDS = 1.0
"""How long a look goes on taking back parts of a large run before others get their turn."""

STEP = "runs"
PAUSED_REASON = (
    "An unexpected error came up several times. Resume the run to try the rest again, or ask your administrator to "
    "look at the log."
)
NOT_UNDONE_REASON = (
    "It could not be undone completely: an unexpected error came up several times. Undo it again, or ask your "
    "administrator to look at the log."
)
STOPPED = (RunState.PAUSED, RunState.CANCELLED)


def tend_runs(sessions: sessionmaker[Session]) -> int:
    """Do for every run what is to be done now, the same share for each; return how many documents got on.

    One that raises rests before its next try. After several tries it is paused, or its undo is ended, so that a person
    can go on with it. No document is lost.
    """
    with sessions() as session:
        running = session.scalars(_ids(TaggingRun.state == RunState.RUNNING)).all()
        stopped = session.scalars(_ids(_has_something_to_take_back())).all()
    share = max(SMALLEST_SHARE, WINDOW // max(1, len(running)))
    moved = sum(_tend_one(sessions, run_id, share) for run_id in running)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stopped and time.monotonic() < deadline:
        counts = {run_id: _tend_one(sessions, run_id, share) for run_id in stopped}
        moved += sum(counts.values())
        stopped = [run_id for run_id in stopped if counts[run_id] >= CHUNK]
    return moved


def _ids(condition: ColumnElement[bool]) -> Select[int]:
    return select(TaggingRun.id).where(condition, is_due(TaggingRun)).order_by(TaggingRun.id)


def _has_something_to_take_back() -> ColumnElement[bool]:
    queued = exists().where(
        TaggingRunItem.run_id == TaggingRun.id, TaggingRunItem.state == RunItemState.QUEUED
    )
    undoing = and_(TaggingRun.state == RunState.UNDONE, TaggingRun.finished_at.is_(None))
    return or_(undoing, and_(TaggingRun.state.in_(STOPPED), queued))


def _tend_one(sessions: sessionmaker[Session], run_id: int, share: int) -> int:
    def note(error: Exception) -> int:
        with sessions() as session, unit_of_work(session) as work:
            if note_failure(work.session, TaggingRun, run_id, STEP, error):
                _give_up(work.session, run_id)
        return 0

    def note_in_the_log(error: Exception) -> int:
        logger.warning("failure not noted", run_id=run_id, exc_info=error)
        return 0

    def on_error(error: Exception) -> int:
        return attempt(lambda: note(error), note_in_the_log)

    return attempt(lambda: _tend(sessions, run_id, share), on_error)


def _give_up(session: Session, run_id: int) -> None:
    """Leave a run that cannot go on to a person, without loading it.

    Its documents are taken off the queue at once, as after any pause, so it does not rest before that.
    """
    paused = update(TaggingRun).where(TaggingRun.id == run_id, TaggingRun.state == RunState.RUNNING)
    ended = update(TaggingRun).where(
        TaggingRun.id == run_id, TaggingRun.state == RunState.UNDONE, TaggingRun.finished_at.is_(None)
    )
    for statement in (
        paused.values(state=RunState.PAUSED, reason=PAUSED_REASON, failures=0, next_try_at=None),
        ended.values(
            state=RunState.CANCELLED,
            reason=NOT_UNDONE_REASON,
            finished_at=utc_now(),
            failures=0,
            next_try_at=None,
        ),
    ):
        session.execute(statement.execution_options(synchronize_session=False))


def _tend(sessions: sessionmaker[Session], run_id: int, share: int) -> int:
    with sessions() as session, unit_of_work(session) as work:
        run = work.session.scalar(
            select(TaggingRun)
            .where(TaggingRun.id == run_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if run is None:
            return 0
        settle(work.session, run)
        if run.failures or run.next_try_at is not None:
            forget_failures(run)
        if run.state is RunState.RUNNING:
            return _go_on(work, run, share)
        moved = put_back(work.session, run, CHUNK)
        if run.state is RunState.UNDONE and run.finished_at is None:
            moved += take_back(work.session, run, CHUNK)
            finish_undo(work.session, run)
        return moved


def _go_on(work: UnitOfWork, run: TaggingRun, share: int) -> int:
    """Hand out more of a run, or finish it. While settings let nothing be tagged, nothing is handed out."""
    session = work.session
    waiting = _has_item(session, run, RunItemState.WAITING)
    if not waiting and not _has_item(session, run, RunItemState.QUEUED):
        run.state, run.finished_at = RunState.FINISHED, utc_now()
        note_run_finished(session, run, partial(count_items, session, run))
        instance_id, run_id = run.instance_id, run.id
        work.after_commit(lambda: logger.info("run finished", instance_id=instance_id, run_id=run_id))
        return 0
    if not waiting or load_tagging_settings(session, run.instance_id).refusal:
        return 0
    return hand_out(session, run, share)


def _has_item(session: Session, run: TaggingRun, state: RunItemState) -> bool:
    statement = select(TaggingRunItem.document_id).where(
        TaggingRunItem.run_id == run.id, TaggingRunItem.state == state
    )
    return session.scalar(statement.limit(1)) is not None
