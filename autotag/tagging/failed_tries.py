"""Failed tries of what the scheduler does a part at a time.

The row notes how many there were one after another, why the last one failed and when the next one is.

Each row has a pause of its own, so that one which cannot go on costs the others nothing.
"""

from datetime import timedelta

import structlog
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from autotag.guards import describe
from autotag.metrics.worker_metrics import note_failed_step
from autotag.models import BulkAction, TaggingRun
from autotag.models.base import CLOCKS_APART, utc_now

logger = structlog.stdlib.get_logger(__name__)

MOST_TRIES = 6
"""Failures in a row after which a row is given up: about four minutes."""

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
"""After its first failure a row rests two seconds, then three times as long each time, five minutes at most."""

PASSING_PAUSE = timedelta(seconds=5)
PASSING = (OperationalError, InterfaceError, RedisError)
"""Trouble of the database or the broker, which passes without anybody's doing. No row is given up for it."""


def pause_after(failures: int) -> timedelta:
    """Return how long a row rests after so many failures in a row."""
    factor: int = 3 ** min(max(failures - 1, 0), 10)
    return min(FIRST_PAUSE * factor, LONGEST_PAUSE)


def is_due(row: type[BulkAction | TaggingRun]) -> ColumnElement[bool]:
    """Return the condition for rows that do not rest after a failure."""
    now = utc_now()
    return or_(row.next_try_at.is_(None), row.next_try_at <= now, row.next_try_at > now + 2 * CLOCKS_APART)


def note_failure(
    session: Session, row: type[BulkAction | TaggingRun], row_id: int, step: str, error: Exception
) -> bool:
    """Note that a try failed, with a line in the log and a count; return whether the row is to be given up.

    The row is not loaded, because what fails may be its loading. The caller commits.
    """
    passes = isinstance(error, PASSING)
    failures: int | None = session.scalar(
        update(row)
        .where(row.id == row_id)
        .values(failures=row.failures + (0 if passes else 1), last_error=describe(error))
        .returning(row.failures)
        .execution_options(synchronize_session=False)
    )
    if failures is None:
        return False
    pause = PASSING_PAUSE if passes else pause_after(failures)
    session.execute(
        update(row)
        .where(row.id == row_id)
        .values(next_try_at=utc_now() + pause)
        .execution_options(synchronize_session=False)
    )
    note_failed_step(step)
    logger.warning(
        "step failed, trying again",
        step=step,
        subject=row_id,
        failures=failures,
        pause_seconds=pause.total_seconds(),
        error=describe(error),
        exc_info=None if passes else error,
    )
    return not passes and failures >= MOST_TRIES


def forget_failures(row: BulkAction | TaggingRun) -> None:
    """Note that a try succeeded, or that a person wants it tried at once."""
    if row.last_error or row.failures or row.next_try_at is not None:
        row.failures, row.last_error, row.next_try_at = 0, "", None
