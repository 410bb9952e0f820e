"""Claims that are kept up, given back, or taken back from workers that will not come to an end with them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, Update, and_, cast, literal, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import LEASE
from autotag.webhooks.outbox import note_documents

NO_LEASE = timedelta(hours=1)
"""Longer than any lease: one that ends later was given by a clock that has been set back since."""

DEATHS_BEFORE_QUARANTINE = 3
"""Workers in a row that died, or ran out of time, with a document before it is set aside."""


def renew_leases(sessions: sessionmaker[Session], claims: Sequence[tuple[str, int]]) -> None:
    """Let leases begin again that are still held, given by token and document."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(_of_claims(claims).values(tagging_lease_until=utc_now() + LEASE))


def give_back(sessions: sessionmaker[Session], claims: Sequence[tuple[str, int]]) -> int:
    """Queue documents again whose claims are still held, as if they had not been claimed; return how many."""
    statement = _of_claims(claims).values(
        tagging_state=TaggingState.QUEUED,
        tagging_attempts=Document.tagging_attempts - 1,
        tagging_claim=None,
        tagging_lease_until=None,
        tagging_enqueued_at=None,
    )
    with sessions() as session, unit_of_work(session) as work:
        return _count(work.session, statement)


def _of_claims(claims: Sequence[tuple[str, int]]) -> Update:
    return (
        update(Document)
        .where(
            Document.tagging_state == TaggingState.RUNNING,
            Document.id.in_([document_id for _, document_id in claims]),
            Document.tagging_claim.in_({token for token, _ in claims}),
        )
        .execution_options(synchronize_session=False)
    )


def release_claims_of(sessions: sessionmaker[Session], worker: str) -> int:
    """Put back what a worker of this name had in hand; for its successor to call at start. Return how many."""
    its_own = Document.tagging_claim.startswith(f"{worker}/", autoescape=True)
    reason = "The worker stopped before it was done; the file is tried again."
    return _put_back(sessions, its_own, "worker_died", reason)


def instances_with_expired_claims(sessions: sessionmaker[Session]) -> list[int]:
    """Return the instances that have documents whose lease has run out."""
    expired = select(Document.instance_id).where(
        Document.tagging_state == TaggingState.RUNNING, _has_expired()
    )
    with sessions() as session:
        return sorted(session.scalars(expired.distinct()))


def release_expired_claims(sessions: sessionmaker[Session], instance_id: int | None = None) -> int:
    """Put back documents whose lease has run out, of one instance or of all; return how many."""
    over = _has_expired()
    if instance_id is not None:
        over = and_(Document.owned_by(instance_id), over)
    reason = "The worker did not finish the file in time; it is tried again."
    return _put_back(sessions, over, "worker_overdue", reason)


def _has_expired() -> ColumnElement[bool]:
    now = utc_now()
    return or_(Document.tagging_lease_until < now, Document.tagging_lease_until > now + NO_LEASE)


def release_all_claims(sessions: sessionmaker[Session]) -> None:
    """Queue again whatever was in hand, for an installation that was restored: no worker of it lives."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(Document)
            .where(Document.tagging_state == TaggingState.RUNNING)
            .values(
                tagging_state=TaggingState.QUEUED,
                tagging_claim=None,
                tagging_lease_until=None,
                tagging_enqueued_at=None,
            )
        )


def _put_back(sessions: sessionmaker[Session], condition: ColumnElement[bool], code: str, reason: str) -> int:
    """Queue running documents again; those that too many workers in a row did not finish are quarantined."""
    deaths = Document.tagging_worker_deaths + 1
    why_not_again = (
        literal("The worker died or ran out of time ")
        + cast(deaths, String)
        + literal(" times with this file, so it is not tried again.")
    )
    running = and_(Document.tagging_state == TaggingState.RUNNING, condition)
    released: dict[str, Any] = {
        "tagging_claim": None,
        "tagging_lease_until": None,
        "tagging_enqueued_at": None,
        "tagging_reason_code": code,
        "tagging_updated_at": utc_now(),
        "tagging_worker_deaths": deaths,
    }
    with sessions() as session:
        if session.scalar(select(Document.id).where(running).limit(1)) is None:
            return 0
        with unit_of_work(session) as work:
            quarantined = work.session.execute(
                update(Document)
                .where(running, deaths >= DEATHS_BEFORE_QUARANTINE)
                .values(tagging_state=TaggingState.QUARANTINED, tagging_reason=why_not_again, **released)
                .returning(Document.instance_id, Document.id)
            ).all()
            for instance_id, document_id in quarantined:
                note_documents(work.session, instance_id, {document_id: TaggingState.QUARANTINED})
            queued = _count(
                work.session,
                update(Document)
                .where(running)
                .values(tagging_state=TaggingState.QUEUED, tagging_reason=reason, **released),
            )
    return len(quarantined) + queued


def _count(session: Session, statement: Update) -> int:
    return len(session.execute(statement.returning(Document.id)).all())
