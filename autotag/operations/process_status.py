"""The processes that do the work: whether the broker answers, who is alive, what waits, who has what in hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import RedisError

from autotag.guards import FailingStep
from autotag.operations.open_documents import Item
from autotag.tagging.queueing.heartbeats import Part, Sign, living
from autotag.tagging.queueing.queue import TaggingQueue
from autotag.tagging.queueing.rq_worker import worker_name


@dataclass(frozen=True, slots=True)
class Crew:
    """Who is alive. Without a broker nobody can be asked: then `is_reachable` is False and the rest is empty."""

    is_reachable: bool
    jobs_waiting: int = 0
    workers: tuple[Sign, ...] = ()
    schedulers: tuple[Sign, ...] = ()

    @property
    def failing(self) -> list[FailingStep]:
        """The steps of all schedulers whose last try failed, the longest failing first."""
        found = [step for sign in self.schedulers for step in sign.failing]
        return sorted(found, key=lambda step: step.since)


@dataclass(frozen=True, slots=True)
class Hand:
    """What one worker has in hand. `sign` is None for one that gives no sign of life.

    Its documents are taken back at `taken_back_at` at the latest, or when a worker of its name starts.
    """

    worker: str
    sign: Sign | None
    items: tuple[Item, ...]
    taken_back_at: datetime | None

    @property
    def since(self) -> datetime | None:
        """Since when it has the document that it took first."""
        return min((item.since for item in self.items), default=None)


def look_at_crew(queue: TaggingQueue) -> Crew:
    """Ask the broker; a broker that is away is an answer, too."""
    try:
        signs = living(queue.connection)
        waiting = queue.waiting()
    except RedisError:
        return Crew(is_reachable=False)
    return Crew(
        True,
        waiting,
        tuple(sign for sign in signs if sign.part is Part.WORKER),
        tuple(sign for sign in signs if sign.part is Part.SCHEDULER),
    )


def hands(crew: Crew, items: Sequence[Item]) -> list[Hand]:
    """Put what is in hand to the worker that has it: the living ones first, then those that are silent."""
    held: dict[str, list[Item]] = {}
    for item in items:
        held.setdefault((item.claim or "").rpartition("/")[0], []).append(item)
    signs = {worker_name(sign.name): sign for sign in crew.workers}
    names = [*sorted(signs), *sorted(name for name in held if name not in signs)]
    return [
        Hand(
            name,
            signs.get(name),
            tuple(held.get(name, ())),
            max((item.lease_until for item in held.get(name, ()) if item.lease_until), default=None),
        )
        for name in names
    ]
