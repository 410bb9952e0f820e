"""The broker's keys that Autotag and RQ use, and the type that each must have.

A key of another type makes each command on it fail, for ever. Nothing in the broker is needed (the database is the
truth), so such a key is deleted, and whoever uses it makes it again.
"""

from collections.abc import Iterator

import structlog
from redis import Redis
from rq.utils import as_text

from autotag.metrics.counters import SUMS
from autotag.tagging.queueing.heartbeats import NAMES
from autotag.tagging.queueing.queue import QUEUE_NAMES

logger = structlog.stdlib.get_logger(__name__)

MISSING = "none"
REGISTRIES = ("wip", "finished", "failed", "deferred", "scheduled", "canceled")
"""RQ's registries of jobs, a sorted set for each queue."""


def expected_types() -> Iterator[tuple[str, str]]:
    """Yield each key with its type, as the broker's TYPE command names it."""
    yield NAMES, "set"
    yield SUMS, "hash"
    yield "rq:workers", "set"
    yield "rq:queues", "set"
    for name in QUEUE_NAMES:
        yield f"rq:queue:{name}", "list"
        yield f"rq:queue:{name}:intermediate", "list"
        yield f"rq:workers:{name}", "set"
        for registry in REGISTRIES:
            yield f"rq:{registry}:{name}", "zset"


def remove_wrong_types(connection: Redis) -> int:
    """Delete the keys that have another type than the one they are used as; return how many.

    Raises redis.exceptions.RedisError.
    """
    expected = list(expected_types())
    with connection.pipeline(transaction=False) as pipeline:
        for key, _ in expected:
            pipeline.type(key)
        found = [as_text(kind) for kind in pipeline.execute()]
    wrong = [
        key for (key, kind), actual in zip(expected, found, strict=True) if actual not in (kind, MISSING)
    ]
    for key in wrong:
        logger.warning("a key of the broker had another type, removed", key=key)
        connection.delete(key)
    return len(wrong)
