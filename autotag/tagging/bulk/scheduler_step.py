"""The scheduler's part in actions over many documents: the next part of each that is under way.

A part and how far it came are one transaction: killed anywhere, an action goes on where it was.
"""

from datetime import timedelta

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.guards import attempt
from autotag.media.errors import MediaError
from autotag.models import BulkAction, BulkActionState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.bulk.actions import ActionUnreadable, fail, work_off
from autotag.tagging.failed_tries import forget_failures, is_due, note_failure
from autotag.tagging.tags.create_and_lock import TagsKeepVanishing
from autotag.tagging.tags.names import TaggingRefused

logger = structlog.stdlib.get_logger(__name__)

KEPT = timedelta(days=30)
"""How long an action that is over can be looked at and undone."""

STEP = "bulk actions"
UNREADABLE = "This version of Autotag cannot read it."
UNEXPECTED = (
    "An unexpected error came up several times. Start it again for the rest, or ask your administrator to "
    "look at the log."
)


def tend_bulk_actions(sessions: sessionmaker[Session]) -> int:
    """Do the next part of every action that is under way and does not rest; return how many there are.

    One that raises rests before its next try. After several tries it has failed; what is done stays done.
    """
    with sessions() as session:
        running = list(
            session.scalars(
                select(BulkAction.id)
                .where(BulkAction.state == BulkActionState.RUNNING, is_due(BulkAction))
                .order_by(BulkAction.id)
            )
        )
    for action_id in running:
        _tend_one(sessions, action_id)
    return len(running)


def forget_old_actions(sessions: sessionmaker[Session]) -> None:
    """Strike actions that were over long ago."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(delete(BulkAction).where(BulkAction.finished_at < utc_now() - KEPT))


def _tend_one(sessions: sessionmaker[Session], action_id: int) -> None:
    def note(error: Exception) -> None:
        with sessions() as session, unit_of_work(session) as work:
            if note_failure(work.session, BulkAction, action_id, STEP, error):
                _give_up(work.session, action_id, error)

    def note_in_the_log(error: Exception) -> None:
        logger.warning("failure not noted", action_id=action_id, exc_info=error)

    attempt(lambda: _tend(sessions, action_id), lambda error: attempt(lambda: note(error), note_in_the_log))


def _give_up(session: Session, action_id: int, error: Exception) -> None:
    """End an action that cannot go on, without loading it."""
    session.execute(
        update(BulkAction)
        .where(BulkAction.id == action_id, BulkAction.state == BulkActionState.RUNNING)
        .values(
            state=BulkActionState.FAILED,
            reason=UNREADABLE if isinstance(error, ActionUnreadable) else UNEXPECTED,
            finished_at=utc_now(),
        )
        .execution_options(synchronize_session=False)
    )


def _tend(sessions: sessionmaker[Session], action_id: int) -> None:
    try:
        with sessions() as session, unit_of_work(session) as work:
            action = _hold(work, action_id)
            if action is not None:
                work_off(work, action)
                forget_failures(action)
    except TagsKeepVanishing:
        logger.info("tags were deleted meanwhile, trying again", action_id=action_id)
    except (MediaError, TaggingRefused) as error:
        logger.warning("bulk action failed", action_id=action_id, reason=error.message)
        with sessions() as session, unit_of_work(session) as work:
            action = _hold(work, action_id)
            if action is not None:
                fail(action, error.message)


def _hold(work: UnitOfWork, action_id: int) -> BulkAction | None:
    """Take hold of an action that is still under way, so that nobody else works on it at the same time."""
    return work.session.scalar(
        select(BulkAction)
        .where(BulkAction.id == action_id, BulkAction.state == BulkActionState.RUNNING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
