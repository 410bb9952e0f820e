"""The scheduler: what has to happen again and again, once for the installation."""

import secrets
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.guards import Guards
from autotag.instances.directory import InstanceNames
from autotag.media.storage.choice import storage_of
from autotag.metrics import counters
from autotag.metrics.worker_metrics import note_failed_step
from autotag.models.engine import lent_sessions
from autotag.observability import name_instances
from autotag.serving.housekeeping import HourlySweep
from autotag.serving.webhook_dispatch import WebhookDispatch
from autotag.tagging.bulk.scheduler_step import tend_bulk_actions
from autotag.tagging.failed_tries import PASSING
from autotag.tagging.queueing.broker_keys import remove_wrong_types
from autotag.tagging.queueing.dead_workers import DeadWorkers
from autotag.tagging.queueing.heartbeats import Heartbeat, Part
from autotag.tagging.queueing.queue import TaggingQueue, connect
from autotag.tagging.queueing.reconcile import reconcile
from autotag.tagging.runs.scheduler_step import tend_runs
from autotag.webhooks.factory import webhook_sender

logger = structlog.stdlib.get_logger(__name__)

RECONCILE_SECONDS = 1.0
BACKLOG_SECONDS = 0.2


class Scheduler:
    """The steps of the scheduler. Each has a guard, so that one which raises neither stops nor delays the others."""

    def __init__(self, config: Config, sessions: sessionmaker[Session]) -> None:
        self.guards = Guards(count=note_failed_step, passing=PASSING)
        self.queue = TaggingQueue(connect(config.broker_url))
        self._sessions = sessions
        sender = webhook_sender(config, sessions, "scheduler")
        dead_workers = DeadWorkers(sessions, self.queue.connection, guards=self.guards)
        webhooks = WebhookDispatch(sessions, sender, guards=self.guards)
        sweep = HourlySweep(sessions, storage_of(config), guards=self.guards)
        self.steps: dict[str, Callable[[], object]] = {
            "bulk actions": partial(tend_bulk_actions, sessions),
            "runs": partial(tend_runs, sessions),
            "broker": partial(_mend_broker, self.queue),
            "dead workers": dead_workers.step,
            "reconcile": self._reconcile,
            "webhooks": webhooks.step,
            "sweep": sweep.step,
        }
        """In the order in which they are done. A step returns whether there is more to be done at once."""

    def turn(self) -> bool:
        """Do each step once, but for those that rest after a failure; return whether more is to be done at once."""
        found = [self.guards.run(name, step, None) for name, step in self.steps.items()]
        return any(found)

    def _reconcile(self) -> int:
        enqueued = reconcile(self._sessions, self.queue, guards=self.guards)
        if enqueued:
            logger.info("documents handed out", documents=enqueued)
        return enqueued


def run_scheduler(config: Config) -> None:
    """Tend what runs in parts and reconcile each second, more often while there is a backlog, until a signal ends it.

    Webhooks are sent from threads of their own, which may end with the process anywhere. Each hour it sweeps.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with lent_sessions(config.database_url, durable=False) as sessions:
        _tend_until(stop, config, sessions)


def _tend_until(stop: threading.Event, config: Config, sessions: sessionmaker[Session]) -> None:
    name_instances(InstanceNames(sessions))
    scheduler = Scheduler(config, sessions)
    name = f"{socket.gethostname()}.{secrets.token_hex(4)}"
    connection = scheduler.queue.connection
    heartbeat = Heartbeat(connection, Part.SCHEDULER, name, failing=scheduler.guards.failing)
    heartbeat.start()
    counters.work.start(connection)
    while not stop.is_set():
        is_busy = scheduler.turn()
        # A backlog is handed out a little at a time, so its next part must not be late.
        stop.wait(BACKLOG_SECONDS if is_busy else RECONCILE_SECONDS)
    heartbeat.stop()
    counters.work.stop()


def _mend_broker(queue: TaggingQueue) -> None:
    """Remove what keeps everybody from using the broker; one that is away has nothing to be mended."""
    if queue.is_there():
        remove_wrong_types(queue.connection)
