"""What keeps the queue honest: documents that nobody is on the way to are handed out again."""

from datetime import timedelta
from itertools import groupby

from redis.exceptions import RedisError
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.claims import release_expired_claims
from autotag.tagging.queue import TaggingQueue

BATCH = 32
"""Documents in one job: enough to spare the broker, few enough that a killed worker loses little time."""

FILL = 16
"""Jobs in the broker up to which it is filled: a short queue means that little can be lost with it."""

OVERDUE = timedelta(seconds=10)
"""After this time a document that was handed out and is still queued counts as lost on the way."""


def reconcile(sessions: sessionmaker[Session], queue: TaggingQueue, *, instance_id: int | None = None) -> int:
    """Take back work whose worker died and enqueue what has waited too long; return how many were enqueued.

    With an instance, only its documents are enqueued.

    Handing out a document that is on its way after all is harmless: the second job finds it claimed or done.
    """
    release_expired_claims(sessions)
    try:
        room = (FILL - queue.waiting()) * BATCH
    except RedisError:
        return 0
    if room <= 0:
        return 0
    enqueued = 0
    for owner_id, document_ids in _overdue(sessions, room, instance_id):
        for start in range(0, len(document_ids), BATCH):
            batch = document_ids[start : start + BATCH]
            _mark_enqueued(sessions, owner_id, batch)
            if not queue.enqueue(owner_id, batch):
                return enqueued
            enqueued += len(batch)
    return enqueued


def _overdue(
    sessions: sessionmaker[Session], limit: int, instance_id: int | None
) -> list[tuple[int, list[int]]]:
    """Return what is to be handed out, by instance: uploads first, and what runs asked for in the room that is left."""
    now = utc_now()
    statement = (
        select(Document.instance_id, Document.id)
        .where(
            Document.tagging_state == TaggingState.QUEUED,
            Document.deleted_at.is_(None),
            or_(Document.tagging_enqueued_at.is_(None), Document.tagging_enqueued_at < now - OVERDUE),
            or_(Document.tagging_not_before.is_(None), Document.tagging_not_before <= now),
        )
        .order_by(Document.id)
    )
    if instance_id is not None:
        statement = statement.where(Document.instance_id == instance_id)
    with sessions() as session:
        rows = list(session.execute(statement.where(Document.tagging_run_id.is_(None)).limit(limit)))
        of_runs = statement.where(Document.tagging_run_id.is_not(None))
        rows += session.execute(of_runs.limit(limit - len(rows)))
    by_instance = sorted((row[0], row[1]) for row in rows)
    return [(key, [row[1] for row in group]) for key, group in groupby(by_instance, key=lambda row: row[0])]


def _mark_enqueued(sessions: sessionmaker[Session], instance_id: int, document_ids: list[int]) -> None:
    # Before the job is sent: a crash in between costs one overdue period, the other order would send twice.
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(Document)
            .where(Document.instance_id == instance_id, Document.id.in_(document_ids))
            .values(tagging_enqueued_at=utc_now())
        )
