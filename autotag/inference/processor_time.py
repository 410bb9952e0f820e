"""Ends what a file makes this process compute for too long, so that the process need not be killed for it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 0.5


class TookTooLong(BaseException):
    """The time is over. No `Exception`, since parsers catch those and would go on."""


@contextmanager
def limited_processor_time(seconds: float) -> Iterator[None]:
    """Raises `TookTooLong` in the block once this process has computed for so many seconds since it began.

    Processor time, so that a machine with much to do makes no file a slow one. It is looked at between steps of
    Python: a native call ends first. Only the main thread may ask for it, one block at a time.
    """
    is_running = True

    def end(_number: int, _frame: FrameType | None) -> None:
        if is_running:
            raise TookTooLong

    before = signal.signal(signal.SIGPROF, end)
    # Again and again, in case that somebody catches everything.
    signal.setitimer(signal.ITIMER_PROF, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        # First of all: a signal may come while the timer is being stopped.
        is_running = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
