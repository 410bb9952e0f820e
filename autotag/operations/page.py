"""All that the operations page shows, of one instance or of all, gathered in a number of queries that does not grow."""

import time
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.storage.use import StorageReport, storage_use
from autotag.models import TaggingState, VirtualInstance
from autotag.models.base import utc_now
from autotag.operations.in_progress import (
    UnfinishedAction,
    UnfinishedRun,
    unfinished_actions,
    unfinished_runs,
)
from autotag.operations.open_documents import Group, Item, first_items, groups, in_hand
from autotag.operations.process_status import Crew, Hand, hands, look_at_crew
from autotag.operations.throughput import Throughput, ThroughputMeter
from autotag.tagging.provider_health.process_breaker import ProcessHealth, process_health
from autotag.tagging.provider_health.usage import ProviderUse, providers_everywhere, providers_of
from autotag.tagging.queueing.queue import TaggingQueue

FILES_OF_A_GROUP = 5
STORAGE_SECONDS = 60.0
"""How long a count of all files is good for at least: it is the one thing here that reads every row."""

STORAGE_PART = 0.001
"""The part of the time that may go by with counting, so that a count of very many files is good for longer."""


@dataclass(frozen=True, slots=True)
class StorageCount:
    """What is stored, and when that was counted."""

    counted_at: datetime
    report: StorageReport


@dataclass(frozen=True, slots=True)
class Operations:
    """What is going on; `instances` are all of them when all were asked for, else the one."""

    instances: dict[int, VirtualInstance]
    groups: list[Group]
    items: dict[Group, list[Item]]
    crew: Crew
    hands: list[Hand]
    process: ProcessHealth
    providers: list[ProviderUse]
    throughput: Throughput
    storage: StorageCount
    runs: list[UnfinishedRun]
    actions: list[UnfinishedAction]

    def count(self, state: TaggingState | str, instance_id: int | None = None) -> int:
        """Return how many documents are in a state, in all that is shown or in one instance of it."""
        return sum(
            group.count
            for group in self.groups
            if group.state == state and instance_id in (None, group.instance_id)
        )

    def groups_in(self, *states: TaggingState | str) -> list[Group]:
        """Return the groups whose files are shown, of some states."""
        return [group for group in self.items if group.state in states]

    @property
    def oldest_queued_since(self) -> datetime | None:
        """Since when the document waits for a worker that has waited longest."""
        waiting = (
            group.since
            for group in self.groups
            if group.state is TaggingState.QUEUED and not group.waits_for_something_else
        )
        return min(waiting, default=None)

    @property
    def is_moving(self) -> bool:
        """Whether something changes by itself within moments, so that it is worth while to look again."""
        return bool(
            self.oldest_queued_since
            or self.count(TaggingState.RUNNING)
            or self.actions
            or any(not run.is_paused for run in self.runs)
        )


class OperationsRoom:
    """Looks at the whole, and keeps what is costly to count for a while."""

    def __init__(self, queue: TaggingQueue) -> None:
        self._queue = queue
        self._meter = ThroughputMeter()
        self._storage: dict[int | None, tuple[float, StorageCount]] = {}
        self._lock = Lock()

    def look(self, session: Session, instance_id: int | None) -> Operations:
        """Return what goes on in an instance. None means all; the caller crosses the wall for that, on purpose."""
        found = groups(session, instance_id)
        crew = look_at_crew(self._queue)
        return Operations(
            instances=_instances(session, instance_id),
            groups=found,
            items=first_items(session, _shown(found), FILES_OF_A_GROUP),
            crew=crew,
            hands=hands(crew, in_hand(session, instance_id)),
            process=process_health(session),
            providers=providers_everywhere(session)
            if instance_id is None
            else providers_of(session, instance_id),
            throughput=self._meter.read(session, instance_id),
            storage=self._count_storage(session, instance_id),
            runs=unfinished_runs(session, instance_id),
            actions=unfinished_actions(session, instance_id),
        )

    def _count_storage(self, session: Session, instance_id: int | None) -> StorageCount:
        began = time.monotonic()
        with self._lock:
            kept = self._storage.get(instance_id)
        if kept is not None and began < kept[0]:
            return kept[1]
        count = StorageCount(utc_now(), storage_use(session, instance_id))
        now = time.monotonic()
        good_until = now + max(STORAGE_SECONDS, (now - began) / STORAGE_PART)
        with self._lock:
            self._storage[instance_id] = (good_until, count)
        return count


def _shown(found: list[Group]) -> list[Group]:
    """Trouble first: it is what somebody has to do something about. What is running is shown with its worker."""
    trouble = [group for group in found if group.state in (TaggingState.QUARANTINED, TaggingState.FAILED)]
    return trouble + [group for group in found if group.state is TaggingState.QUEUED]


def _instances(session: Session, instance_id: int | None) -> dict[int, VirtualInstance]:
    statement = select(VirtualInstance).order_by(VirtualInstance.web_id)
    if instance_id is not None:
        statement = statement.where(VirtualInstance.id == instance_id)
    return {instance.id: instance for instance in session.scalars(statement)}
