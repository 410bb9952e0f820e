"""Providers in trouble: when to ask again, and what is paused until an administrator has looked.

Kept for each instance and provider, so that a service that is down is tried by one document at a time and not
by all, and so that the log has a line for each change and not for each image.
"""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.wall import across_instances
from autotag.models import Document, ProviderState, ProviderStatus, TaggingState
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.providers.base import ProviderMisconfigured, ProviderUnavailable

logger = structlog.stdlib.get_logger(__name__)

BACK_OFF_SECONDS = (15, 60, 240, 900, 2100)
"""Waits between six tries: an hour in all, most of it for a service that does not come back soon."""

JITTER = 0.2
WAITING = "waiting_for_"
LONGEST_RETRY_AFTER_SECONDS = 3600.0


def waiting_code(provider: str) -> str:
    """Return the reason code of a document that waits for a provider."""
    return f"{WAITING}{provider}"[:64]


def troubled_providers(session: Session, instance_id: int) -> Mapping[str, ProviderState]:
    """Return the providers of an instance that are not simply working, by name."""
    rows = session.scalars(select(ProviderState).where(ProviderState.instance_id == instance_id))
    return {row.provider: row for row in rows}


def note_success(sessions: sessionmaker[Session], instance_id: int, provider: str) -> None:
    """Note that a provider in trouble answered: it works again, and the documents that wait for it go on."""
    with sessions() as session, unit_of_work(session) as work:
        if _forget(work, ProviderState.instance_id == instance_id, provider):
            _let_go_on(work, provider, instance_id)
            work.after_commit(
                lambda: logger.info("provider works again", instance_id=instance_id, provider=provider)
            )


def note_trouble(
    sessions: sessionmaker[Session], instance_id: int, provider: str, error: ProviderUnavailable
) -> datetime:
    """Note a failure; return when the provider is to be asked again. Its own Retry-After is a lower bound."""
    now = utc_now()
    with sessions() as session, unit_of_work(session) as work:
        state = _load(work.session, instance_id, provider)
        is_new = state.status is not ProviderStatus.UNAVAILABLE
        if is_new:
            state.since = now
            state.failures = 0
        wait = back_off(state.failures, error.retry_after)
        state.status = ProviderStatus.UNAVAILABLE
        state.failures += 1
        state.retry_at = now + wait
        state.code, state.reason = error.code, error.message[:500]
        retry_at = state.retry_at
    if is_new:
        logger.warning(
            "provider unavailable",
            instance_id=instance_id,
            provider=provider,
            code=error.code,
            reason=error.message,
        )
    return retry_at


def pause(
    sessions: sessionmaker[Session], instance_id: int, provider: str, error: ProviderMisconfigured
) -> None:
    """Stop asking a provider whose settings are wrong, until it is resumed or its entry is saved."""
    with sessions() as session, unit_of_work(session) as work:
        state = _load(work.session, instance_id, provider)
        is_new = state.status is not ProviderStatus.PAUSED
        if is_new:
            state.since = utc_now()
        state.status = ProviderStatus.PAUSED
        state.retry_at = None
        state.code, state.reason = error.code, error.message[:500]
    if is_new:
        logger.warning(
            "provider paused",
            instance_id=instance_id,
            provider=provider,
            code=error.code,
            reason=error.message,
        )


def resume(work: UnitOfWork, provider: str, instance_id: int | None = None) -> None:
    """Ask a provider again at once, in one instance or in all, and let the waiting documents go on."""
    if instance_id is not None:
        _forget(work, ProviderState.instance_id == instance_id, provider)
        _let_go_on(work, provider, instance_id)
        return
    # System Settings hold for all instances, whichever of them the administrator is at.
    with across_instances(work.session):
        _forget(work, ProviderState.id.is_not(None), provider)
        _let_go_on(work, provider, None)


def back_off(failures: int, retry_after: float | None) -> timedelta:
    """Return how long to wait after so many earlier failures in a row, with jitter so that nobody marches in step."""
    seconds = float(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
    seconds *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing
    if retry_after is not None:
        seconds = max(seconds, min(retry_after, LONGEST_RETRY_AFTER_SECONDS))
    return timedelta(seconds=seconds)


def _load(session: Session, instance_id: int, provider: str) -> ProviderState:
    """Return the row of a provider, made if need be; nobody else changes it before the transaction ends."""
    held = (
        select(ProviderState)
        .where(ProviderState.instance_id == instance_id, ProviderState.provider == provider)
        .execution_options(populate_existing=True)
        .with_for_update()
    )
    while (state := session.scalar(held)) is None:
        # Again, if another worker's success takes it away at once.
        row = {"instance_id": instance_id, "provider": provider, "status": ProviderStatus.WORKING}
        insert_new(session, ProviderState.__table__, [row])
    return state


def _forget(work: UnitOfWork, where: ColumnElement[bool], provider: str) -> bool:
    gone = work.session.execute(
        delete(ProviderState).where(where, ProviderState.provider == provider).returning(ProviderState.id)
    ).all()
    return bool(gone)


def _let_go_on(work: UnitOfWork, provider: str, instance_id: int | None) -> None:
    statement = update(Document).where(
        Document.tagging_state == TaggingState.QUEUED,
        Document.tagging_reason_code == waiting_code(provider),
    )
    if instance_id is not None:
        statement = statement.where(Document.instance_id == instance_id)
    work.session.execute(statement.values(tagging_not_before=None, tagging_enqueued_at=None))
