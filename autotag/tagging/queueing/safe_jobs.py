"""What a worker takes from the broker: jobs of ours and nothing else, whatever else somebody wrote there.

Whoever can write to the broker must neither run what can be imported nor end a worker. What is no job is dropped with
one line in the log; the database knows what is to be done, and hands it out again.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any, cast

import structlog
from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue
from rq.exceptions import NoSuchJobError, TimeoutFormatError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job

from autotag.tagging.queueing.queue import INSTALL_MODEL, TAG_DOCUMENTS

logger = structlog.stdlib.get_logger(__name__)

LARGEST_JOB_BYTES = 256 * 1024
"""Of what a job says, unpacked. One of ours has some hundred bytes."""

LARGEST_FIELD_BYTES = 64 * 1024
LONGEST_ID = 100
READ_FIELDS = (
    "data",
    "created_at",
    "enqueued_at",
    "started_at",
    "ended_at",
    "last_heartbeat",
    "origin",
    "timeout",
    "result_ttl",
    "failure_ttl",
    "status",
    "meta",
    "description",
)
"""Nothing else of a job is read: no callbacks, webhooks, repeats, retries and dependencies, none of which we use."""


FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NoSuchJobError,
    RecursionError,
    TimeoutFormatError,
    TypeError,
    ValueError,
    zlib.error,
)
"""What RQ raises while it reads nonsense."""


class NoJob(ValueError):
    """What stands in the broker is no job."""


class ReceivedJob(Job):
    """A job that is read with bounds. What cannot be one is removed and counts as gone, for which RQ is prepared."""

    def refresh(self) -> None:
        """Read the job from the broker. Raises NoSuchJobError, also for what is no job."""
        try:
            found = _read(self.connection, self.key)
        except (NoJob, ResponseError) as error:
            self._drop(error)
        if not found:
            raise NoSuchJobError(f"No such job: {self.key}")
        self.restore(found)

    def restore(self, raw_data: dict[Any, Any]) -> None:
        """Take over what was read. Raises NoSuchJobError for what is no job."""
        try:
            fields = {_text(name): value for name, value in raw_data.items()}
            fields = {name: value for name, value in fields.items() if name in READ_FIELDS}
            unpacked = _unpacked(fields.get("data", b""))
            super().restore({name.encode(): value for name, value in fields.items()} | {b"data": unpacked})
            _check(unpacked, self.meta)
        except FAULTS as error:
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        logger.warning("no job, dropped", job_id=ascii(self.id)[:LONGEST_ID], reason=str(error)[:200])
        self.connection.delete(self.key)
        raise NoSuchJobError(f"No job: {self.key}") from error


class ReceivedQueue(Queue):
    """A queue in which there may be ids that are none."""

    @classmethod
    def dequeue_any(cls, queues: Any, *arguments: Any, **options: Any) -> Any:
        """Return the next job. An id that cannot be one is dropped."""
        while True:
            try:
                return super().dequeue_any(queues, *arguments, **options)
            # UnicodeDecodeError for what is no text, with the bytes; else RQ adds the id to the error.
            except ValueError as error:
                job_id = getattr(error, "job_id", getattr(error, "object", ""))
                logger.warning("no job, dropped", job_id=ascii(job_id)[:LONGEST_ID], reason=str(error)[:200])
                for queue in queues:
                    queue.connection.lrem(IntermediateQueue(queue.key, queue.connection).key, 0, job_id)


def _read(connection: "Redis", key: str) -> dict[str, bytes]:
    """Read a job's fields, of which none is too long. Raises NoJob, and ResponseError for a key of another kind."""
    with connection.pipeline(transaction=False) as pipeline:
        for name in READ_FIELDS:
            pipeline.hstrlen(key, name)
        lengths: list[int] = pipeline.execute()
    if not any(lengths):
        return {}
    if max(lengths) > LARGEST_FIELD_BYTES:
        raise NoJob(f"a field of {max(lengths)} bytes")
    values = cast(list[bytes | None], connection.hmget(key, READ_FIELDS))
    return {name: value for name, value in zip(READ_FIELDS, values, strict=True) if value is not None}


def _text(name: object) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)


def _unpacked(data: bytes) -> bytes:
    """Unpack what a job says, as RQ would, but no more than a job can have. Raises NoJob."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, LARGEST_JOB_BYTES)
    except zlib.error as error:
        raise NoJob("not packed") from error
    if unpacker.unconsumed_tail:
        raise NoJob("too large")
    # What is packed twice would be unpacked once more, without bounds.
    if not unpacked.startswith(b"["):
        raise NoJob("no list")
    return unpacked


def _check(unpacked: bytes, meta: object) -> None:
    """Look whether it is a call as ours are. What the function is, is looked at when it is called. Raises NoJob."""
    try:
        function, _, arguments, options = json.loads(unpacked)
    except RecursionError as error:
        raise NoJob("nested too deeply") from error
    if not isinstance(function, str) or not isinstance(arguments, list) or not isinstance(meta, Mapping):
        raise NoJob("no call")
    if options or not ARGUMENTS.get(function, _anything)(arguments):
        raise NoJob(f"wrong arguments for {function[:LONGEST_ID]}")


def _anything(_arguments: list[Any]) -> bool:
    return True


def _documents(arguments: list[Any]) -> bool:
    match arguments:
        case [int(), list() as ids]:
            return all(type(number) is int for number in ids)
    return False


def _model(arguments: list[Any]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], str)


ARGUMENTS = {TAG_DOCUMENTS: _documents, INSTALL_MODEL: _model}
