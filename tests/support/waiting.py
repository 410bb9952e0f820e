"""Waiting for a condition, and what to do when a part of the machine is absent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

LEAST_PATIENCE = 90.0
"""Seconds for which whatever is waited for may take at least: on a busy machine all takes ten times as long."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = LEAST_PATIENCE) -> None:
    """Return as soon as `condition` holds; fail with `what` and its last value when it never does.

    `seconds` is for what takes long by itself: it never makes the limit shorter.
    """
    seconds = max(seconds, LEAST_PATIENCE)
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s (last seen: {value!r})")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def waiter() -> Callable[[Callable[[], object], str, float], None]:
    """`wait_for`, for tests without an installation."""
    return wait_for


@pytest.fixture(scope="session")
def absent() -> Callable[[str], None]:
    """Skip because a part of this machine is absent; in CI that is a failure, because there none may be."""

    def report(reason: str) -> None:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI nothing may be skipped for that")
        pytest.skip(reason)

    return report
