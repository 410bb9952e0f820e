"""The scheduler: what has to happen again and again, once for the installation."""

import secrets
import signal
import socket
import threading
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from autotag.config import Config
from autotag.media.storage import FolderStorage
from autotag.models.engine import build_session_factory
from autotag.tagging.heartbeats import Heartbeat, Part
from autotag.tagging.queue import TaggingQueue, connect
from autotag.tagging.reconcile import reconcile
from autotag.tagging.run_tending import tend_runs

logger = structlog.stdlib.get_logger(__name__)

RECONCILE_SECONDS = 1.0
BACKLOG_SECONDS = 0.2
SWEEP_SECONDS = 60 * 60.0


def run_scheduler(config: Config) -> None:
    """Tend runs and reconcile each second, more often while there is a backlog, and sweep each hour, until a signal."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sessions = build_session_factory(config.database_url, durable=False)
    queue = TaggingQueue(connect(config.broker_url))
    storage = FolderStorage(config.storage_path)
    heartbeat = Heartbeat(queue.connection, Part.SCHEDULER, f"{socket.gethostname()}.{secrets.token_hex(4)}")
    heartbeat.start()
    next_sweep = 0.0
    while not stop.is_set():
        moved = enqueued = 0
        try:
            moved = tend_runs(sessions)
            enqueued = reconcile(sessions, queue)
            if enqueued:
                logger.info("documents handed out", documents=enqueued)
        except SQLAlchemyError as error:
            logger.warning("reconcile failed, trying again", error=str(error.__cause__ or error))
        if time.monotonic() >= next_sweep:
            storage.sweep_incoming()
            next_sweep = time.monotonic() + SWEEP_SECONDS
        # A backlog is handed out a little at a time, so its next part must not be late.
        stop.wait(BACKLOG_SECONDS if moved or enqueued else RECONCILE_SECONDS)
    heartbeat.stop()
