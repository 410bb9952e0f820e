"""What the scheduler clears away each hour: broken uploads, files that nobody names, actions and deliveries of
webhooks that are long over, keys of uploads of yesterday, sign-ins of last season."""

import time
from collections.abc import Callable
from functools import partial

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.guards import Guards
from autotag.instances.sign_ins import forget_old_sign_ins
from autotag.media.storage.garbage import ReleasedSweep
from autotag.media.storage.orphan_files import StraySweep
from autotag.media.storage.storage import Storage
from autotag.media.uploads.idempotency import forget_old_keys
from autotag.tagging.bulk.scheduler_step import forget_old_actions
from autotag.webhooks.cleanup import tidy_deliveries

logger = structlog.stdlib.get_logger(__name__)

EVERY_SECONDS = 60 * 60.0
LONGEST_PAUSE_SECONDS = 15 * 60.0
"""How long a part that failed rests at most before its next try."""

STEP = "sweep"


class HourlySweep:
    """Clears away a little at each call while there is something to do, then rests until the hour is over.

    Each part of it has a guard: one that fails is tried again later, and the others are done.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        storage: Storage,
        *,
        every: float = EVERY_SECONDS,
        guards: Guards | None = None,
    ) -> None:
        self._storage = storage
        released, strays = ReleasedSweep(sessions, storage), StraySweep(sessions, storage)
        self._begin_strays = strays.begin
        self.parts: dict[str, Callable[[], bool | None]] = {
            "broken uploads": self._sweep_incoming,
            "files set aside": self._put_back,
            "old actions": partial(forget_old_actions, sessions),
            "old keys": partial(forget_old_keys, sessions),
            "old deliveries": partial(tidy_deliveries, sessions),
            "old sign-ins": partial(forget_old_sign_ins, sessions),
            "released files": released.step,
            "stray files": strays.step,
        }
        """The parts, in their order. One that returns True has more to do."""
        self._every = every
        self._guards = guards or Guards()
        self._due = 0.0
        self._left: list[str] = []

    def step(self) -> bool:
        """Do the next of each part that is due; return whether more is to be done at once."""
        if time.monotonic() >= self._due and not self._is_under_way():
            self._due = time.monotonic() + self._every
            self._begin_strays()
            self._left = list(self.parts)
        for name in list(self._left):
            part = partial(self._do, self.parts[name])
            is_done = self._guards.run(STEP, part, False, subject=name, longest_pause=LONGEST_PAUSE_SECONDS)
            if is_done:
                self._left.remove(name)
        return self._is_under_way()

    def _is_under_way(self) -> bool:
        return any(not self._guards.rests(STEP, name) for name in self._left)

    def _do(self, part: Callable[[], bool | None]) -> bool:
        return not part()

    def _sweep_incoming(self) -> None:
        self._storage.sweep_incoming()

    def _put_back(self) -> None:
        put_back = self._storage.put_back()
        if put_back:
            logger.warning("put back files of a sweep that was killed", files=put_back)
