"""Handing documents to workers: jobs carry ids only, and a broker that is away costs nothing but time."""

import time
from collections.abc import Sequence

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import update

from autotag.models import Document
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.observability import current_request_id

logger = structlog.stdlib.get_logger(__name__)

QUEUE_NAME = "tagging"
TAG_DOCUMENTS = "autotag.tagging.jobs.tag_documents"
INSTALL_MODEL = "autotag.tagging.jobs.install_model"
JOB_TIMEOUT_SECONDS = 30 * 60
INSTALLATION_TIMEOUT_SECONDS = 2 * 60 * 60
RESULT_LIFETIME_SECONDS = 0
FAILURE_LIFETIME_SECONDS = 7 * 24 * 60 * 60
ENOUGH_JOBS = 4
"""Waiting jobs from which on new documents are left to reconcile."""
BUSY_SECONDS = 0.5


def connect(url: str, *, timeout: float = 2.0) -> Redis:
    """Return a client that gives up within `timeout` seconds, for whoever must not wait for the broker."""
    client: Redis = Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )
    return client


class TaggingQueue:
    """The queue of tagging jobs in the broker."""

    def __init__(self, connection: Redis) -> None:
        self.connection = connection
        self._queue = Queue(QUEUE_NAME, connection=connection, serializer=JSONSerializer)
        self._is_away = False
        self._busy_until = 0.0

    def enqueue(self, instance_id: int, document_ids: Sequence[int]) -> bool:
        """Hand documents of one instance to the workers. False when the broker is away, logged once."""
        return self._enqueue(
            TAG_DOCUMENTS,
            (instance_id, list(document_ids)),
            JOB_TIMEOUT_SECONDS,
            f"tag {len(document_ids)} of instance {instance_id}",
        )

    def enqueue_installation(self, model: str) -> bool:
        """Hand the installation of a model to the workers, before all documents, because a person waits for it.

        False when the broker is away.
        """
        return self._enqueue(
            INSTALL_MODEL, (model,), INSTALLATION_TIMEOUT_SECONDS, f"install {model}", at_front=True
        )

    def _enqueue(
        self,
        job: str,
        arguments: tuple[object, ...],
        timeout: int,
        description: str,
        *,
        at_front: bool = False,
    ) -> bool:
        try:
            self._queue.enqueue_call(
                job,
                args=arguments,
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
        """Enqueue a new document once its row is committed.

        If the broker is away, or has enough to do already, it is left to reconcile, which hands out many at a
        time: a job for each document would cost the workers more than the database does.
        """
        instance_id, document_id = document.instance_id, document.id
        if self._is_busy():
            document.tagging_enqueued_at = None
            return

        def send() -> None:
            if self._has_room() and self.enqueue(instance_id, [document_id]):
                return
            with unit_of_work(work.session) as again:
                again.session.execute(
                    update(Document)
                    .where(Document.instance_id == instance_id, Document.id == document_id)
                    .values(tagging_enqueued_at=None)
                )

        work.after_commit(send)

    def _is_busy(self) -> bool:
        """Whether there was enough to do a moment ago; asks nobody, because a transaction is open."""
        return self._busy_until > time.monotonic()

    def _has_room(self) -> bool:
        """Whether the broker has few jobs; if not, it is busy for a moment. One that is away is found out later."""
        try:
            if self.waiting() < ENOUGH_JOBS:
                return True
        except RedisError:
            return True
        self._busy_until = time.monotonic() + BUSY_SECONDS
        return False

    def waiting(self) -> int:
        """Return how many jobs wait in the broker. Raises redis.exceptions.RedisError."""
        return self._queue.count
