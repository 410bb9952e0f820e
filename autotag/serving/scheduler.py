"""The scheduler: what has to happen again and again, once for the installation."""

import secrets
import signal
import socket
import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from autotag.config import Config
from autotag.instances.directory import InstanceNames
from autotag.media.storage_choice import storage_of
from autotag.models.engine import build_session_factory
from autotag.observability import name_instances
from autotag.serving.sweeping import HourlySweep
from autotag.serving.webhook_dispatch import WebhookDispatch
from autotag.tagging.bulk_tending import tend_bulk_actions
from autotag.tagging.dead_workers import DeadWorkers
from autotag.tagging.heartbeats import Heartbeat, Part
from autotag.tagging.queue import TaggingQueue, connect
from autotag.tagging.reconcile import reconcile
from autotag.tagging.run_tending import tend_runs
from autotag.tagging.webhook_building import webhook_sender

logger = structlog.stdlib.get_logger(__name__)

RECONCILE_SECONDS = 1.0
BACKLOG_SECONDS = 0.2


def run_scheduler(config: Config) -> None:
    """Tend what runs in parts and reconcile each second, more often while there is a backlog, until a signal ends it.

    Webhooks are sent from threads of their own, which may end with the process anywhere. Each hour it sweeps.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sessions = build_session_factory(config.database_url, durable=False)
    name_instances(InstanceNames(sessions))
    queue = TaggingQueue(connect(config.broker_url))
    sweep = HourlySweep(sessions, storage_of(config))
    dead_workers = DeadWorkers(sessions, queue.connection)
    webhooks = WebhookDispatch(sessions, webhook_sender(config, sessions, "scheduler"))
    heartbeat = Heartbeat(queue.connection, Part.SCHEDULER, f"{socket.gethostname()}.{secrets.token_hex(4)}")
    heartbeat.start()
    while not stop.is_set():
        moved = enqueued = acting = told = 0
        sweeping = False
        try:
            acting = tend_bulk_actions(sessions)
            moved = tend_runs(sessions)
            dead_workers.step()
            enqueued = reconcile(sessions, queue)
            if enqueued:
                logger.info("documents handed out", documents=enqueued)
            told = webhooks.step()
            sweeping = sweep.step()
        except SQLAlchemyError as error:
            logger.warning("reconcile failed, trying again", error=str(error.__cause__ or error))
        # A backlog is handed out a little at a time, so its next part must not be late.
        busy = moved or enqueued or acting or told or sweeping
        stop.wait(BACKLOG_SECONDS if busy else RECONCILE_SECONDS)
    heartbeat.stop()
