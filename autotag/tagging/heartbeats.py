"""Who is alive: workers and schedulers say so to the broker every two seconds, and whoever asks finds them there.

RQ's own record of a worker outlives it by as long as its job may take, half an hour, so it cannot tell. A sign here
is a key that goes by itself ten seconds after the last one, by the broker's clock: no two machines need the same time.
"""

import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from redis import Redis
from redis.exceptions import RedisError
from rq.utils import as_text

from autotag.models.base import utc_now

NAMES = "autotag:alive"
EVERY_SECONDS = 2.0
LIFETIME_MILLISECONDS = 10_000
JOIN_SECONDS = 3.0


class Part(StrEnum):
    """A kind of process that says that it is alive."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of a living process. `doing` says in a word or two what it is at, "" when it waits.

    `silent_seconds` is how long ago it came.
    """

    part: Part
    name: str
    since: datetime
    doing: str
    silent_seconds: float


class Heartbeat:
    """Gives the sign of this process until it is stopped. A broker that is away costs nothing but the sign."""

    def __init__(self, connection: Redis, part: Part, name: str) -> None:
        self._connection = connection
        self._part, self._name = part, name
        self._since = utc_now()
        self._doing = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, with the first sign at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and take the sign back, so that nobody waits for it to go by itself."""
        self._stop.set()
        self._thread.join(JOIN_SECONDS)
        with suppress(RedisError):
            self._connection.delete(_key(self._part, self._name))

    def note(self, doing: str) -> None:
        """Say from the next sign on what the process is doing."""
        self._doing = doing

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(RedisError):
                self._beat()
            self._stop.wait(EVERY_SECONDS)

    def _beat(self) -> None:
        sign = json.dumps({"since": self._since.isoformat(), "doing": self._doing})
        pipeline = self._connection.pipeline()
        pipeline.sadd(NAMES, f"{self._part}:{self._name}")
        pipeline.set(_key(self._part, self._name), sign, px=LIFETIME_MILLISECONDS)
        pipeline.execute()


def living(connection: Redis) -> list[Sign]:
    """Return the signs of all processes that gave one lately, by name. Raises redis.exceptions.RedisError."""
    names = sorted(as_text(name) for name in connection.smembers(NAMES))
    if not names:
        return []
    pipeline = connection.pipeline()
    for name in names:
        part, _, own = name.partition(":")
        key = _key(Part(part), own)
        pipeline.get(key)
        pipeline.pttl(key)
    answers = pipeline.execute()
    signs, gone = [], []
    for name, text, left in zip(names, answers[::2], answers[1::2], strict=True):
        part, _, own = name.partition(":")
        if text is None:
            gone.append(name)
            continue
        sign = json.loads(text)
        silent = max(0, LIFETIME_MILLISECONDS - left) / 1000
        signs.append(Sign(Part(part), own, datetime.fromisoformat(sign["since"]), sign["doing"], silent))
    if gone:
        # One that lives after all adds its name again with its next sign.
        connection.srem(NAMES, *gone)
    return signs


def _key(part: Part, name: str) -> str:
    return f"{NAMES}:{part}:{name}"
