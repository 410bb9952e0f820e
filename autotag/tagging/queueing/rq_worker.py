"""The RQ worker: long-lived and in one process, because what is dangerous runs in the inference process."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import ConnectionError as BrokerAway
from redis.exceptions import TimeoutError as BrokerSlow
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from autotag.guards import attempt
from autotag.metrics import counters
from autotag.models.base import utc_now
from autotag.observability import accept_request_id
from autotag.tagging.queueing.broker_keys import remove_wrong_types
from autotag.tagging.queueing.heartbeats import Heartbeat, Part
from autotag.tagging.queueing.queue import INSTALL_MODEL, QUEUE_NAMES, TAG_DOCUMENTS
from autotag.tagging.queueing.safe_jobs import ReceivedJob, ReceivedQueue

logger = structlog.stdlib.get_logger(__name__)

ALLOWED_JOBS = frozenset({TAG_DOCUMENTS, INSTALL_MODEL})
DOINGS = {TAG_DOCUMENTS: "tagging", INSTALL_MODEL: "installing a model"}
WORKER_LIFETIME_SECONDS = 60
LONGEST_WAIT_FOR_BROKER_SECONDS = 2.0


class JobNotAllowed(RuntimeError):
    """A job in the queue names a function that is no job of ours; whoever can write to the broker must not
    be able to run whatever can be imported."""


class AllowedJob(ReceivedJob):
    """A job whose function is on the list; any other fails without being imported."""

    @property
    def func(self) -> Callable[..., Any]:
        """The job's function. Raises JobNotAllowed."""
        if self.func_name not in ALLOWED_JOBS or self.instance is not None:
            raise JobNotAllowed(self.func_name)
        function: Callable[..., Any] = super().func
        return function


class TaggingWorker(SimpleWorker):
    """Takes jobs one after another, outlives a broker that is away, and says all the while that it is alive."""

    job_class = AllowedJob
    queue_class = ReceivedQueue
    max_connection_wait_time = LONGEST_WAIT_FOR_BROKER_SECONDS
    log_result_lifespan = False
    _sign: Heartbeat | None = None

    def procline(self, message: str) -> None:
        """Leave the process's title as it is: it names the command and the worker."""

    def register_birth(self) -> None:
        """Begin to be known to the broker, whatever somebody has put where RQ keeps its lists."""
        remove_wrong_types(self.connection)
        super().register_birth()  # type: ignore[no-untyped-call]  # RQ's own
        self._sign = Heartbeat(self.connection, Part.WORKER, self.name)
        self._sign.start()
        counters.work.start(self.connection)

    def register_death(self) -> None:
        """Be known no more."""
        if self._sign is not None:
            self._sign.stop()
        counters.work.stop()
        super().register_death()  # type: ignore[no-untyped-call]  # RQ's own

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's own lists; what somebody else wrote into them costs a line in the log and no more."""

        def clean() -> None:
            remove_wrong_types(self.connection)
            super(TaggingWorker, self).run_maintenance_tasks()  # type: ignore[no-untyped-call]  # RQ's own

        def note(error: Exception) -> None:
            if isinstance(error, (BrokerAway, BrokerSlow)):
                # RQ waits for a broker that is away.
                raise error
            self.last_cleaned_at = utc_now()  # type: ignore[assignment]  # RQ declares None alone
            logger.warning("the lists of jobs cannot be cleaned", reason=str(error)[:200])

        attempt(clean, note)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job; the sign of life names it meanwhile."""
        if self._sign is not None:
            self._sign.note(DOINGS.get(job.func_name or "", ""))
        try:
            with structlog.contextvars.bound_contextvars(**named_in_the_log(job)):
                super().execute_job(job, queue)
        finally:
            if self._sign is not None:
                self._sign.note("")


def named_in_the_log(job: Job) -> dict[str, object]:
    """Return what each line of a job's log bears: its id, its instance, and the request on whose behalf it runs."""
    names: dict[str, object] = {"job_id": job.id}
    if job.meta.get("request_id"):
        names["request_id"] = accept_request_id(str(job.meta["request_id"]))
    if job.func_name == TAG_DOCUMENTS and job.args and isinstance(job.args[0], int):
        names["instance_id"] = job.args[0]
    return names


def worker_name(name: str) -> str:
    """Return the name that a worker keeps from start to start, from the one that it has in the broker."""
    return name.rpartition(".")[0]


def build_worker(connection: Redis, name: str) -> TaggingWorker:
    """Return a worker on the tagging queues; its name in the broker is unique for each start."""
    queues = [
        ReceivedQueue(queue_name, connection=connection, serializer=JSONSerializer, job_class=AllowedJob)
        for queue_name in QUEUE_NAMES
    ]
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    return TaggingWorker(
        queues,
        name=f"{name}.{secrets.token_hex(4)}",
        connection=connection,
        serializer=JSONSerializer,
        job_class=AllowedJob,
        worker_ttl=WORKER_LIFETIME_SECONDS,
        log_job_description=False,
    )
