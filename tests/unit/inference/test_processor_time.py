from __future__ import annotations

import contextlib
import gc
import signal
import time
from collections.abc import Iterator

import pytest

from autotag.inference.processor_time import TookTooLong, limited_processor_time


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """Packages of the tests have callbacks of the garbage collection, and Python lets those raise nothing."""
    gc.disable()
    yield
    gc.enable()


def compute(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_computes_for_too_long_is_ended() -> None:
    began = time.process_time()
    with pytest.raises(TookTooLong), limited_processor_time(0.05):
        compute(30)

    assert time.process_time() - began < 20


def test_nobody_who_catches_errors_keeps_it_from_ending() -> None:
    def catch_errors() -> None:
        with limited_processor_time(0.05), contextlib.suppress(Exception):
            compute(30)

    with pytest.raises(TookTooLong):
        catch_errors()


def test_whoever_catches_everything_meets_it_again() -> None:
    def catch_all() -> None:
        with limited_processor_time(0.05):
            with contextlib.suppress(BaseException):
                compute(30)
            compute(30)

    with pytest.raises(TookTooLong):
        catch_all()


def test_waiting_is_not_computing() -> None:
    with limited_processor_time(0.2):
        time.sleep(0.3)


def test_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with limited_processor_time(0.05):
        pass

    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0
    assert signal.getsignal(signal.SIGPROF) is before
    compute(0.1)
