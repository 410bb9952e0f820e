"""Counters of all processes together, kept in the broker: what web processes and workers did, since it started.

A process adds up in memory and hands the sums to the broker every two seconds, so that counting costs next to nothing
and whichever web process is asked for the metrics answers for all of them, on all machines. While the broker is away
the sums wait in memory. A broker that forgets begins at 0, which Prometheus takes for what it is, a reset.
"""

import json
import math
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import structlog
from redis import Redis
from redis.exceptions import RedisError

from autotag.guards import Guards, repeat

logger = structlog.stdlib.get_logger(__name__)

SUMS = "autotag:metrics"
EVERY_SECONDS = 2.0
JOIN_SECONDS = 3.0
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms, in seconds; above the last one comes only infinity."""

SUM, OVER = "sum", "inf"

Labels = tuple[str, ...]
Key = tuple[str, Labels, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sum: which metric, the values of its labels, and of a histogram which part (an upper bound, or `sum`)."""

    metric: str
    labels: Labels
    part: str
    value: float


class Ledger:
    """The sums of one process that are not handed over yet. Any thread may add to it."""

    def __init__(self) -> None:
        self._sums: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, metric: str, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._sums[metric, labels, ""] += amount  # type: ignore[assignment]  # sums of seconds are floats

    def observe(self, metric: str, seconds: float, *labels: str) -> None:
        """Add a duration to a histogram."""
        bound = next((str(bound) for bound in BUCKETS if seconds <= bound), OVER)
        with self._lock:
            self._sums[metric, labels, bound] += 1
            self._sums[metric, labels, SUM] += seconds  # type: ignore[assignment]  # as above

    def start(self, connection: Redis) -> None:
        """Hand the sums over from now on. Called again in the same process it changes nothing."""
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, args=(connection,), name="ledger", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hand over what is left, and end."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join(JOIN_SECONDS)
            self._thread, self._stop = None, threading.Event()

    def hand_over(self, connection: Redis) -> None:
        """Add the sums to the broker's. Raises redis.exceptions.RedisError; then they wait for the next time."""
        with self._lock:
            sums, self._sums = self._sums, Counter()
        if not sums:
            return
        pipeline = connection.pipeline()
        for key, value in sums.items():
            pipeline.hincrbyfloat(SUMS, json.dumps(key), value)
        try:
            pipeline.execute()
        except BaseException:
            with self._lock:
                self._sums.update(sums)
            raise

    def _run(self, connection: Redis) -> None:
        def hand_over() -> None:
            with suppress(RedisError):
                self.hand_over(connection)

        guards = Guards()
        repeat("metrics", hand_over, EVERY_SECONDS, self._stop, guards=guards)
        guards.run("metrics", hand_over, None)


work = Ledger()
"""What this process does for tagging. A worker hands it over; elsewhere nobody asks for it."""


def read(connection: Redis) -> list[Sample]:
    """Return the sums of all processes. Raises redis.exceptions.RedisError.

    What stands among them and is no sum is removed.
    """
    found, odd = [], []
    for name, value in connection.hgetall(SUMS).items():
        try:
            found.append(_sample(name, value))
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            logger.warning("no sum, removed", member=ascii(name)[:100], reason=str(error)[:200])
            odd.append(name)
    if odd:
        connection.hdel(SUMS, *odd)
    return found


def _sample(name: bytes | str, value: bytes | str) -> Sample:
    """Read one sum. Raises TypeError and what `json` and `float` raise, for what is none."""
    metric, labels, part = json.loads(name)
    if not all(isinstance(text, str) for text in (metric, part, *labels)) or not isinstance(labels, list):
        raise TypeError("no text")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no number")
    return Sample(metric, tuple(labels), part, number)
