"""Who is alive: workers and schedulers say so to the broker every two seconds, and whoever asks finds them there.

RQ's own record of a worker outlives it by as long as its job may take, half an hour, so it cannot tell. A sign here
is a key that goes by itself ten seconds after the last one, by the broker's clock: no two machines need the same time.
"""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from autotag.guards import FailingStep, Guards, repeat
from autotag.models.base import utc_now

logger = structlog.stdlib.get_logger(__name__)

NAMES = "autotag:alive"
EVERY_SECONDS = 2.0
LIFETIME_MILLISECONDS = 10_000
JOIN_SECONDS = 3.0
LONGEST_NAME = 300
LONGEST_SIGN_BYTES = 64 * 1024
MOST_FAILING = 20
"""Failing steps that a sign tells of."""


class Part(StrEnum):
    """A kind of process that says that it is alive."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of a living process. `doing` says in a word or two what it is at, "" when it waits.

    `silent_seconds` is how long ago it came. `failing` are the steps of the process whose last try failed.
    """

    part: Part
    name: str
    since: datetime
    doing: str
    silent_seconds: float
    failing: tuple[FailingStep, ...] = ()


class Heartbeat:
    """Gives the sign of this process until it is stopped. A broker that is away costs nothing but the sign.

    `failing` is asked at each sign for the steps of the process that fail.
    """

    def __init__(
        self,
        connection: Redis,
        part: Part,
        name: str,
        *,
        failing: Callable[[], Sequence[FailingStep]] = tuple,
    ) -> None:
        self._connection = connection
        self._part, self._name = part, name
        self._failing = failing
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
        # Whoever gives no sign counts as dead, so an unexpected error must not make it silent for long.
        guards = Guards(longest_pause=EVERY_SECONDS)
        repeat("heartbeat", self._beat, EVERY_SECONDS, self._stop, guards=guards)

    def _beat(self) -> None:
        failing = [
            {**asdict(step), "since": step.since.isoformat()} for step in self._failing()[:MOST_FAILING]
        ]
        sign = json.dumps({"since": self._since.isoformat(), "doing": self._doing, "failing": failing})
        pipeline = self._connection.pipeline()
        pipeline.sadd(NAMES, f"{self._part}:{self._name}")
        pipeline.set(_key(self._part, self._name), sign, px=LIFETIME_MILLISECONDS)
        with suppress(RedisError):
            pipeline.execute()


def living(connection: Redis) -> list[Sign]:
    """Return the signs of all processes that gave one lately, by name. Raises redis.exceptions.RedisError.

    What stands among the names and is no sign of a process is removed.
    """
    named, gone = _names(connection)
    pipeline = connection.pipeline(transaction=False)
    for part, name, _ in named:
        pipeline.getrange(_key(part, name), 0, LONGEST_SIGN_BYTES)
        pipeline.pttl(_key(part, name))
    answers = pipeline.execute(raise_on_error=False) if named else []
    signs = []
    for (part, name, member), text, left in zip(named, answers[::2], answers[1::2], strict=True):
        try:
            signs.append(_read(part, name, text, left))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # A name without a sign is that of a process that has ended.
            if text != b"":
                logger.warning("no sign of life, removed", member=ascii(name), reason=str(error)[:200])
                connection.delete(_key(part, name))
            gone.append(member)
    if gone:
        # One that lives after all adds its name again with its next sign.
        connection.srem(NAMES, *gone)
    return signs


def _names(connection: Redis) -> tuple[list[tuple[Part, str, bytes]], list[bytes]]:
    """Return the parts and names of those that gave a sign, each as it stands in the broker; and what is no name."""
    named, odd = [], []
    for member in sorted(_as_bytes(found) for found in connection.smembers(NAMES)):
        try:
            part, name = _read_name(member)
        except ValueError as error:
            logger.warning(
                "no name of a process, removed", member=ascii(member)[:100], reason=str(error)[:200]
            )
            odd.append(member)
        else:
            named.append((part, name, member))
    return named, odd


def _read_name(member: bytes) -> tuple[Part, str]:
    """Read a part and a name. Raises ValueError for what is none."""
    part, _, name = member.decode().partition(":")
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError("an empty or long name")
    return Part(part), name


def _as_bytes(found: bytes | str) -> bytes:
    """Return what the broker answered as bytes, however the client decodes."""
    return found.encode() if isinstance(found, str) else found


def _read(part: Part, name: str, text: Any, left: Any) -> Sign:
    """Read a sign. Raises what `json`, `datetime` and wrong types raise, for what is none."""
    if isinstance(text, RedisError) or isinstance(left, RedisError):
        raise TypeError("of another type")
    sign = json.loads(text)
    failing = tuple(_read_failing(step) for step in sign.get("failing", ())[:MOST_FAILING])
    silent = max(0, LIFETIME_MILLISECONDS - left) / 1000
    return Sign(part, name, _moment(sign["since"]), str(sign["doing"])[:LONGEST_NAME], silent, failing)


def _read_failing(step: dict[str, Any]) -> FailingStep:
    return FailingStep(
        str(step["step"]),
        str(step["subject"]),
        _moment(step["since"]),
        int(step["failures"]),
        str(step["error"]),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment


def _key(part: Part, name: str) -> str:
    return f"{NAMES}:{part}:{name}"
