"""The scheduler's part in actions over many documents: the next part of each that is under way.

A part and how far it came are one transaction: killed anywhere, an action goes on where it was.
"""

from datetime import timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.errors import MediaError
from autotag.models import BulkAction, BulkActionState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.bulk_actions import fail, work_off
from autotag.tagging.tag_creation import TagsKeepVanishing
from autotag.tagging.tag_names import TaggingRefused

logger = structlog.stdlib.get_logger(__name__)

KEPT = timedelta(days=30)
"""How long an action that is over can be looked at and undone."""


def tend_bulk_actions(sessions: sessionmaker[Session]) -> int:
    """Do the next part of every action that is under way; return how many there are."""
    with sessions() as session:
        running = list(
            session.scalars(
                select(BulkAction.id)
                .where(BulkAction.state == BulkActionState.RUNNING)
                .order_by(BulkAction.id)
            )
        )
    for action_id in running:
        _tend(sessions, action_id)
    return len(running)


def forget_old_actions(sessions: sessionmaker[Session]) -> None:
    """Strike actions that were over long ago."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(delete(BulkAction).where(BulkAction.finished_at < utc_now() - KEPT))


def _tend(sessions: sessionmaker[Session], action_id: int) -> None:
    try:
        with sessions() as session, unit_of_work(session) as work:
            action = _hold(work, action_id)
            if action is not None:
                work_off(work, action)
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
