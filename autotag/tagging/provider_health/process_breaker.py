"""Crashes of the TensorFlow process: counted for all workers together, until too many disable it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import TENSORFLOW_PROCESS
from autotag.configuration.store import Place, resolve
from autotag.inference.errors import ProcessCrashed
from autotag.instances.wall import across_instances
from autotag.metrics.worker_metrics import note_relaunch
from autotag.models import Document, ProcessState, TaggingState
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.unit_of_work import UnitOfWork, unit_of_work

logger = structlog.stdlib.get_logger(__name__)

PROCESS_DISABLED = "process_disabled"
REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """The process as administrators see it. `crashes` counts within the time interval."""

    crashes: int
    maximum: int
    interval_seconds: int
    last_crash_at: datetime | None
    last_reason: str
    disabled_at: datetime | None


def process_health(session: Session, now: datetime | None = None) -> ProcessHealth:
    """Return how the process fares; a counter whose interval has passed since the last crash reads 0."""
    maximum, interval = _limits(session)
    state = _state(session)
    if state is None:
        return ProcessHealth(0, maximum, interval, None, "", None)
    passed = _interval_passed(state, interval, now or utc_now())
    crashes = 0 if passed and state.disabled_at is None else state.crashes
    return ProcessHealth(
        crashes, maximum, interval, state.last_crash_at, state.last_reason, state.disabled_at
    )


def is_process_disabled(session: Session, *, hold: bool = False) -> bool:
    """Whether the process is not to be started. With `hold` nobody changes that before the transaction ends."""
    statement = select(ProcessState.disabled_at)
    return session.scalar(statement.with_for_update(read=True) if hold else statement) is not None


def record_crash(sessions: sessionmaker[Session], reason: str, now: datetime | None = None) -> bool:
    """Count a crash; return whether the process is disabled now, by this crash or one before.

    It stays so until it is enabled again.
    """
    now = now or utc_now()
    with sessions() as session, unit_of_work(session) as work:
        maximum, interval = _limits(work.session)
        insert_new(work.session, ProcessState.__table__, [{"id": 1}])
        state = _state(work.session, for_change=True)
        assert state is not None  # noqa: S101 - for the type checker: nobody ever deletes it
        state.crashes = 1 if _interval_passed(state, interval, now) else state.crashes + 1
        state.last_crash_at = now
        state.last_reason = reason[:REASON_LENGTH]
        disables = state.crashes > maximum and state.disabled_at is None
        if disables:
            state.disabled_at = now
        crashes, is_disabled = state.crashes, state.disabled_at is not None
    if disables:
        logger.error("TensorFlow process disabled", crashes=crashes, maximum=maximum, reason=reason)
    else:
        logger.warning("TensorFlow process crashed", crashes=crashes, maximum=maximum, reason=reason)
    if not is_disabled:
        note_relaunch()
    return is_disabled


def count_death_at_rest(sessions: sessionmaker[Session]) -> Callable[[ProcessCrashed], bool]:
    """Return what an inference process tells of deaths between two images: it counts them, as those on an image.

    It says whether the process may be started again.
    """

    def count(death: ProcessCrashed) -> bool:
        return not record_crash(sessions, death.reason)

    return count


def enable_process(work: UnitOfWork) -> None:
    """Let the process start again, its counter at 0, and let the documents that wait for it go on at once."""
    state = _state(work.session, for_change=True)
    if state is not None:
        state.crashes = 0
        state.disabled_at = None
        state.last_crash_at = None
    # All instances share the process, whichever of them the administrator is at.
    with across_instances(work.session):
        work.session.execute(
            update(Document)
            .where(
                Document.tagging_state == TaggingState.QUEUED,
                Document.tagging_reason_code == PROCESS_DISABLED,
            )
            .values(tagging_not_before=None, tagging_enqueued_at=None)
        )
    work.after_commit(lambda: logger.info("TensorFlow process enabled"))


def _state(session: Session, *, for_change: bool = False) -> ProcessState | None:
    """Return the state, if there is one; `for_change` nobody else changes it before the transaction ends."""
    statement = select(ProcessState).execution_options(populate_existing=True)
    return session.scalar(statement.with_for_update() if for_change else statement)


def _limits(session: Session) -> tuple[int, int]:
    values = resolve(session, Place.of(TENSORFLOW_PROCESS)).values
    return values["maximum_number_of_relaunches"], values["maximum_number_of_relaunches_time_interval"]


def _interval_passed(state: ProcessState, interval: int, now: datetime) -> bool:
    return state.last_crash_at is not None and now - state.last_crash_at > timedelta(seconds=interval)
