"""Guards for what is done again and again: an exception in one step stops no other step.

It is logged and counted, and the step is tried again.

A step that fails rests before its next try, longer each time. Trouble that passes without anybody's doing, such as a
database that restarts, is retried every second and logged without a traceback.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import structlog

logger = structlog.stdlib.get_logger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
FORGOTTEN_AFTER_SECONDS = 10 * 60.0
"""How long after its next try was due a failure is forgotten: what it was about is gone, such as a deleted webhook."""

ERROR_LENGTH = 300

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FailingStep:
    """A step whose last try failed.

    `subject` names the part of the step that fails ("instance 3"), "" for the whole step. `since` is the first of the
    `failures` in a row; `error` is one line for an operator, with the type of the exception.
    """

    step: str
    subject: str
    since: datetime
    failures: int
    error: str


@dataclass(frozen=True, slots=True)
class _Resting:
    failing: FailingStep
    until: float


def describe(error: BaseException) -> str:
    """Describe an exception in one line: its type and the first line of its text, at most 300 characters."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text[:ERROR_LENGTH]


def attempt(do: Callable[[], Result], on_error: Callable[[Exception], Result]) -> Result:
    """Do something and return its result; for an exception of whatever type, return what `on_error` makes of it.

    For what has to note a failure where it belongs, on a row for example. What only has to go on uses Guards.
    """
    try:
        return do()
    except Exception as error:
        return on_error(error)


class Guards:
    """The guards of one process or loop. Any thread may use them.

    `count` is called with the step's name at each failure. Exceptions of the types `passing` are those that pass
    without anybody's doing.
    """

    def __init__(
        self,
        *,
        count: Callable[[str], None] | None = None,
        passing: tuple[type[Exception], ...] = (),
        longest_pause: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._count = count
        self._passing = passing
        self._longest_pause = longest_pause
        self._resting: dict[tuple[str, str], _Resting] = {}
        self._lock = threading.Lock()

    def run(
        self,
        step: str,
        do: Callable[[], Result],
        otherwise: Result,
        *,
        subject: str = "",
        longest_pause: float | None = None,
    ) -> Result:
        """Do a step, or a part of it, and return what it returns; `otherwise` when it raises or still rests."""
        if self.rests(step, subject):
            return otherwise
        try:
            result = do()
        except Exception as error:
            self._note(step, subject, error, longest_pause or self._longest_pause)
            return otherwise
        with self._lock:
            recovered = self._resting.pop((step, subject), None)
        if recovered is not None:
            logger.info("step works again", step=step, subject=subject, failures=recovered.failing.failures)
        return result

    def rests(self, step: str, subject: str = "") -> bool:
        """Return whether a step that failed waits for its next try."""
        with self._lock:
            resting = self._resting.get((step, subject))
        return resting is not None and time.monotonic() < resting.until

    def failing(self) -> list[FailingStep]:
        """Return the steps whose last try failed, the longest failing first."""
        over = time.monotonic() - FORGOTTEN_AFTER_SECONDS
        with self._lock:
            self._resting = {key: found for key, found in self._resting.items() if found.until > over}
            found = [resting.failing for resting in self._resting.values()]
        return sorted(found, key=lambda failing: failing.since)

    def _note(self, step: str, subject: str, error: Exception, longest_pause: float) -> None:
        passes = isinstance(error, self._passing)
        with self._lock:
            before = self._resting.get((step, subject))
            failing = FailingStep(step, subject, datetime.now(UTC), 1, describe(error))
            if before is not None:
                failures = before.failing.failures + 1
                failing = replace(failing, since=before.failing.since, failures=failures)
            pause = FIRST_PAUSE_SECONDS
            if not passes:
                pause = min(pause * 2.0 ** min(failing.failures - 1, 16), longest_pause)
            self._resting[step, subject] = _Resting(failing, time.monotonic() + pause)
        logger.warning(
            "step failed, trying again",
            step=step,
            subject=subject,
            failures=failing.failures,
            pause_seconds=pause,
            error=failing.error,
            exc_info=None if passes else error,
        )
        if self._count is not None:
            self._count(step)


def repeat(
    step: str, do: Callable[[], object], seconds: float, stop: threading.Event, *, guards: Guards
) -> None:
    """Do something every so many seconds until `stop` is set, whatever it raises. The loop of a thread."""
    while not stop.is_set():
        guards.run(step, do, None)
        stop.wait(seconds)
