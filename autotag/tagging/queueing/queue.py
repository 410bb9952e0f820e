"""Handing documents to workers: jobs carry ids only, and a broker that is away costs nothing but time."""

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from autotag.models import Document
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.observability import current_request_id

logger = structlog.stdlib.get_logger(__name__)

FIRST_QUEUE_NAME = "tagging-first"
"""What somebody waits for: single uploads, and whatever belongs to an instance that has little waiting."""

QUEUE_NAME = "tagging"
"""The backlog."""

QUEUE_NAMES = (FIRST_QUEUE_NAME, QUEUE_NAME)
"""In the order in which a worker looks for its next job."""

TAG_DOCUMENTS = "autotag.tagging.jobs.tag_documents"
INSTALL_MODEL = "autotag.tagging.jobs.install_model"
JOB_TIMEOUT_SECONDS = 30 * 60
INSTALLATION_TIMEOUT_SECONDS = 2 * 60 * 60
RESULT_LIFETIME_SECONDS = 0
FAILURE_LIFETIME_SECONDS = 7 * 24 * 60 * 60
ENOUGH_JOBS = 4
"""Jobs of one instance waiting in the first queue from which on its new documents are left to reconcile."""

MANY_JOBS = 64
"""Jobs waiting in the first queue from which on it is first no more, whoever they belong to."""

BUSY_SECONDS = 0.5


def connect(url: str, *, timeout: float = 2.0) -> Redis:
    """Return a client that gives up within `timeout` seconds, for whoever must not wait for the broker."""
    client: Redis = Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )
    return client


class TaggingQueue:
    """The tagging jobs in the broker: a queue for what somebody waits for, and one for the backlog.

    A worker looks into the first one before each job, so a backlog, of whatever instance, holds up no single upload.
    Each instance has only a few places there, so none can fill it for the others. `last_served` is the instance whose
    turn in the backlog was the last one, 0 before the first.
    """

    def __init__(self, connection: Redis) -> None:
        self.connection = connection
        self.last_served = 0
        self._first, self._backlog = (
            Queue(name, connection=connection, serializer=JSONSerializer) for name in QUEUE_NAMES
        )
        self._is_away = False
        self._busy_until: dict[int, float] = {}

    def enqueue(
        self, instance_id: int, document_ids: Sequence[int], *, first: bool = False, at_front: bool = False
    ) -> bool:
        """Hand documents of one instance to the workers. False when the broker is away, logged once.

        They join the backlog, at its front if they were taken from there, or go before it with `first`.
        """
        return self._enqueue(
            self._first if first else self._backlog,
            TAG_DOCUMENTS,
            (instance_id, list(document_ids)),
            JOB_TIMEOUT_SECONDS,
            f"tag {len(document_ids)} of instance {instance_id}",
            job_id=f"{instance_id}-{secrets.token_hex(16)}",
            at_front=at_front,
        )

    def enqueue_installation(self, model: str) -> bool:
        """Hand the installation of a model to the workers, before all documents, because a person waits for it.

        False when the broker is away.
        """
        return self._enqueue(
            self._first,
            INSTALL_MODEL,
            (model,),
            INSTALLATION_TIMEOUT_SECONDS,
            f"install {model}",
            at_front=True,
        )

    def _enqueue(
        self,
        queue: Queue,
        job: str,
        arguments: tuple[object, ...],
        timeout: int,
        description: str,
        *,
        job_id: str | None = None,
        at_front: bool = False,
    ) -> bool:
        try:
            queue.enqueue_call(
                job,
                args=arguments,
                job_id=job_id,
                timeout=timeout,
                result_ttl=RESULT_LIFETIME_SECONDS,
                failure_ttl=FAILURE_LIFETIME_SECONDS,
                description=description,
                at_front=at_front,
                meta={"request_id": current_request_id()},
            )
        except RedisError as error:
            if not self._is_away:
                logger.warning("broker away, documents wait in the database", error=str(error))
            self._is_away = True
            return False
        if self._is_away:
            logger.info("broker back")
        self._is_away = False
        return True

    def enqueue_after_commit(self, work: UnitOfWork, document: Document) -> None:
        """Enqueue a new document once its row is committed, before the backlog.

        If the broker is away, or the instance has its places there taken already, it is left to reconcile, which
        hands out many at a time: a job for each document would cost the workers more than the database does.
        """
        instance_id, document_id = document.instance_id, document.id
        if self._is_busy(instance_id):
            document.tagging_enqueued_at = None
            return

        def send() -> None:
            if self._has_room(instance_id) and self.enqueue(instance_id, [document_id], first=True):
                return
            # Should the database be busy now, the document counts as lost on the way a few seconds later.
            with suppress(OperationalError), unit_of_work(work.session) as again:
                again.session.execute(
                    update(Document)
                    .where(Document.instance_id == instance_id, Document.id == document_id)
                    .values(tagging_enqueued_at=None)
                )

        work.after_commit(send)

    def _is_busy(self, instance_id: int) -> bool:
        """Whether there was no room a moment ago; asks nobody, because a transaction is open."""
        return self._busy_until.get(instance_id, 0.0) > time.monotonic()

    def _has_room(self, instance_id: int) -> bool:
        """Whether the instance may hand over one more; if not, it is busy for a moment.

        A broker that is away is found out later.
        """
        try:
            if self.is_open_to(instance_id):
                return True
        except RedisError:
            return True
        now = time.monotonic()
        self._busy_until = {key: until for key, until in self._busy_until.items() if until > now}
        self._busy_until[instance_id] = now + BUSY_SECONDS
        return False

    def is_open_to(self, instance_id: int) -> bool:
        """Whether the first queue has a place for one more job of the instance. Raises RedisError."""
        # As bytes: RQ would stumble over an id that somebody else put there and that is no text.
        waiting = cast(list[bytes], self.connection.lrange(self._first.key, 0, MANY_JOBS - 1))
        own = sum(job_id.startswith(f"{instance_id}-".encode()) for job_id in waiting)
        return len(waiting) < MANY_JOBS and own < ENOUGH_JOBS

    def is_urgent(self) -> bool:
        """Whether a job waits that goes before the backlog; none does while the broker is away."""
        try:
            return self._first.count > 0
        except RedisError:
            return False

    def is_there(self) -> bool:
        """Whether the broker answers."""
        try:
            self.connection.ping()
        except RedisError:
            return False
        return True

    def backlog(self) -> int:
        """Return how many jobs of the backlog wait in the broker. Raises redis.exceptions.RedisError."""
        return self._backlog.count

    def waiting(self) -> int:
        """Return how many jobs wait in the broker. Raises redis.exceptions.RedisError."""
        return self._first.count + self._backlog.count
