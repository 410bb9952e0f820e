"""What the metrics tell of the present: asked of database and broker when they are read, each at a fixed cost."""

from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autotag.metrics.counters import Sample, read
from autotag.models import VirtualInstance
from autotag.operations.open_documents import Group, groups
from autotag.operations.process_status import Crew, look_at_crew
from autotag.tagging.provider_health.process_breaker import ProcessHealth, process_health
from autotag.tagging.queueing.queue import TaggingQueue

NAMED_INSTANCES = 100
"""Instances with series of their own, the oldest; all others share one, so that the metrics stay readable."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What the database tells: the Web IDs of the instances that are named, what is open, the process."""

    instances: dict[int, str]
    groups: list[Group]
    process: ProcessHealth


@dataclass(frozen=True, slots=True)
class Gauges:
    """The present. `stock` is None while the database is away, `samples` while the broker is."""

    stock: Stock | None
    crew: Crew
    samples: list[Sample] | None


def look(session: Session, queue: TaggingQueue) -> Gauges:
    """Return how things stand for the whole installation; the caller crosses the wall for that, on purpose.

    Never fails: what is away is missing.
    """
    crew = look_at_crew(queue)
    return Gauges(_stock(session), crew, _samples(queue) if crew.is_reachable else None)


def _stock(session: Session) -> Stock | None:
    named = (
        select(VirtualInstance.id, VirtualInstance.web_id).order_by(VirtualInstance.id).limit(NAMED_INSTANCES)
    )
    try:
        return Stock(dict(session.execute(named).all()), groups(session, None), process_health(session))
    except SQLAlchemyError:
        return None


def _samples(queue: TaggingQueue) -> list[Sample] | None:
    try:
        return read(queue.connection)
    except RedisError:
        return None
