"""Two who change the same at once: the second begins while the first has not committed yet."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.orm import Session, sessionmaker

from autotag.models.unit_of_work import UnitOfWork, unit_of_work

OVERLAP_SECONDS = 0.2
Result = TypeVar("Result")


def second_of_two(
    sessions: sessionmaker[Session],
    first: Callable[[UnitOfWork], object],
    second: Callable[[UnitOfWork], Result],
) -> Result:
    """Do both, each in a transaction of its own; return what the second returned, or raise what it raised."""
    first_has_changed = threading.Event()

    def follow() -> Result:
        assert first_has_changed.wait(20)
        with sessions() as session, unit_of_work(session) as work:
            return second(work)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        with sessions() as session, unit_of_work(session) as work:
            first(work)
            first_has_changed.set()
            # Nothing tells that the other one waits; if it has not begun by then, nothing was proved and nothing fails.
            time.sleep(OVERLAP_SECONDS)
        return following.result(30)
