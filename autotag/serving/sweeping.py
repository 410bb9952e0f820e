"""What the scheduler clears away each hour: broken uploads, files that nobody names, actions and deliveries of
webhooks that are long over, keys of uploads of yesterday, sign-ins of last season."""

import time

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.sign_ins import forget_old_sign_ins
from autotag.media.errors import StorageError
from autotag.media.idempotency import forget_old_keys
from autotag.media.released import ReleasedSweep
from autotag.media.storage import Storage
from autotag.media.strays import StraySweep
from autotag.tagging.bulk_tending import forget_old_actions
from autotag.tagging.webhook_tidying import tidy_deliveries

logger = structlog.stdlib.get_logger(__name__)

EVERY_SECONDS = 60 * 60.0


class HourlySweep:
    """Clears away a little at each call while there is something to do, then rests until the hour is over."""

    def __init__(
        self, sessions: sessionmaker[Session], storage: Storage, *, every: float = EVERY_SECONDS
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._released = ReleasedSweep(sessions, storage)
        self._strays = StraySweep(sessions, storage)
        self._every = every
        self._due = 0.0
        self._is_under_way = False

    def step(self) -> bool:
        """Do the next part if one is due; return whether more is to be done at once."""
        if not self._is_under_way and time.monotonic() < self._due:
            return False
        try:
            if not self._is_under_way:
                self._begin()
            self._is_under_way = self._released.step() | self._strays.step()
        except (OSError, StorageError) as error:
            # A file that cannot be removed now is tried again in an hour; uploads and tagging go on.
            logger.warning("sweep failed, trying again later", error=str(error))
            self._is_under_way = False
        return self._is_under_way

    def _begin(self) -> None:
        self._due = time.monotonic() + self._every
        self._strays.begin()
        self._storage.sweep_incoming()
        put_back = self._storage.put_back()
        if put_back:
            logger.warning("put back files of a sweep that was killed", files=put_back)
        forget_old_actions(self._sessions)
        forget_old_keys(self._sessions)
        tidy_deliveries(self._sessions)
        forget_old_sign_ins(self._sessions)
