"""What keeps the queue honest: documents that nobody is on the way to are handed out again."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, zip_longest
from typing import TypeVar

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.guards import Guards
from autotag.models import Document, TaggingState, VirtualInstance
from autotag.models.base import CLOCKS_APART, utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.release_claims import instances_with_expired_claims, release_expired_claims
from autotag.tagging.queueing.queue import TaggingQueue

BATCH = 32
"""Documents in one job: enough to spare the broker, few enough that a killed worker loses little time."""

FILL = 16
"""Jobs of the backlog in the broker up to which it is filled: a short queue means that little can be lost with it."""

FEW = 16
"""Waiting documents up to which those of an instance go before the backlog: they hold nobody up for long."""

OVERDUE = timedelta(seconds=10)
"""After this time a document that was handed out and is still queued counts as lost on the way."""

Batch = tuple[int, list[int]]
"""An instance, and documents of it for one job."""


EXPIRED, WAITING, HANDING_OUT = "expired claims", "waiting documents", "handing out"
"""The steps that have a guard for each instance."""

Result = TypeVar("Result")


def reconcile(
    sessions: sessionmaker[Session],
    queue: TaggingQueue,
    *,
    instance_id: int | None = None,
    guards: Guards | None = None,
) -> int:
    """Take back work whose worker died and enqueue what has waited too long; return how many were enqueued.

    With an instance, only its documents are enqueued. What waits in an instance goes before the backlog when it is
    little; the other instances share the room in the backlog in turns, so that none starves another.

    Handing out a document that is on its way after all is harmless: the second job finds it claimed or done.

    With guards, an instance whose documents cannot be handed out is left out, and the others get theirs.
    """
    for key in instances_with_expired_claims(sessions):
        _guarded(guards, EXPIRED, key, partial(release_expired_claims, sessions, key), 0)
    with sessions() as session:
        waiting = _waiting(session, instance_id)
    try:
        little = {key for key, number in waiting.items() if number <= FEW and queue.is_open_to(key)}
        room = FILL - queue.backlog()
    except RedisError:
        return 0
    with sessions() as session:
        first = [(key, _guarded_due(session, key, FEW, guards)) for key in sorted(little)]
        turns = _after(queue.last_served, sorted(set(waiting) - little))
        rest = _in_turns(session, turns, room, guards)
    enqueued = _hand_out(sessions, queue, first, first=True, guards=guards)
    return enqueued + _hand_out(sessions, queue, rest, first=False, guards=guards)


def _hand_out(
    sessions: sessionmaker[Session],
    queue: TaggingQueue,
    batches: Sequence[Batch],
    *,
    first: bool,
    guards: Guards | None,
) -> int:
    def hand_out(owner_id: int, document_ids: list[int]) -> bool:
        _mark_enqueued(sessions, owner_id, document_ids)
        return queue.enqueue(owner_id, document_ids, first=first)

    enqueued = 0
    for owner_id, document_ids in batches:
        if not document_ids:
            continue
        is_sent = _guarded(guards, HANDING_OUT, owner_id, partial(hand_out, owner_id, document_ids), None)
        if is_sent is False:
            break
        if is_sent:
            enqueued += len(document_ids)
        if not first:
            # One that failed has had its turn as well.
            queue.last_served = owner_id
    return enqueued


def _guarded(
    guards: Guards | None, step: str, instance_id: int, do: Callable[[], Result], otherwise: Result
) -> Result:
    if guards is None:
        return do()
    return guards.run(step, do, otherwise, subject=f"instance {instance_id}")


def _guarded_due(session: Session, instance_id: int, limit: int, guards: Guards | None) -> list[int]:
    def due() -> list[int]:
        # A statement that failed must not spoil those for the other instances: PostgreSQL ends the transaction.
        with session.begin_nested():
            return _due(session, instance_id, limit)

    return _guarded(guards, WAITING, instance_id, due, [])


def _waiting(session: Session, instance_id: int | None) -> dict[int, int]:
    """Return how much is to be handed out in each instance that has something, counted to one more than few."""
    some = (
        select(Document.id)
        .where(Document.instance_id == VirtualInstance.id, _is_due())
        .correlate(VirtualInstance)
        .limit(FEW + 1)
        .subquery()
    )
    number = select(func.count()).select_from(some).correlate(VirtualInstance).scalar_subquery()
    statement = select(VirtualInstance.id, number)
    if instance_id is not None:
        statement = statement.where(VirtualInstance.id == instance_id)
    return {key: found for key, found in session.execute(statement) if found}


def _after(last: int, instance_ids: Sequence[int]) -> list[int]:
    """Return the instances in the order of their turns: on from the one that was served last, and round."""
    return sorted(instance_ids, key=lambda instance_id: (instance_id <= last, instance_id))


def _in_turns(session: Session, instance_ids: Sequence[int], room: int, guards: Guards | None) -> list[Batch]:
    """Share room for so many jobs: one of each instance, then another of each that has more."""
    if room <= 0 or not instance_ids:
        return []
    turns = instance_ids[:room]
    share = -(-room // len(turns))
    batches = []
    for instance_id in turns:
        document_ids = _guarded_due(session, instance_id, share * BATCH, guards)
        starts = range(0, len(document_ids), BATCH)
        batches.append([(instance_id, document_ids[start : start + BATCH]) for start in starts])
    in_turn = chain.from_iterable(zip_longest(*batches))
    return [batch for batch in in_turn if batch is not None][:room]


def _is_due() -> ColumnElement[bool]:
    now = utc_now()
    return and_(
        Document.tagging_state == TaggingState.QUEUED,
        Document.deleted_at.is_(None),
        or_(
            Document.tagging_enqueued_at.is_(None),
            Document.tagging_enqueued_at < now - OVERDUE,
            Document.tagging_enqueued_at > now + CLOCKS_APART,
        ),
        or_(Document.tagging_not_before.is_(None), Document.tagging_not_before <= now),
    )


def _due(session: Session, instance_id: int, limit: int) -> list[int]:
    """Return what is to be handed out: uploads first, and what runs asked for in the room that is left."""
    statement = (
        select(Document.id).where(Document.instance_id == instance_id, _is_due()).order_by(Document.id)
    )
    found = list(session.scalars(statement.where(Document.tagging_run_id.is_(None)).limit(limit)))
    of_runs = statement.where(Document.tagging_run_id.is_not(None))
    return found + list(session.scalars(of_runs.limit(limit - len(found))))


def _mark_enqueued(sessions: sessionmaker[Session], instance_id: int, document_ids: list[int]) -> None:
    # Before the job is sent: a crash in between costs one overdue period, the other order would send twice.
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(Document)
            .where(Document.owned_by(instance_id), Document.id.in_(document_ids))
            .values(tagging_enqueued_at=utc_now())
        )
