"""Files that no row names and nobody released: what an upload leaves that dies between its file and its row.

Such a content is put on the list of released ones, and goes as they do (`released`), which is safe however soon the
same bytes are uploaded again. All files of a large library are many, so each hour looks at a few of the folders, and a
day at all. Which ones follows from the clock: a scheduler that is restarted goes on where it was.
"""

import time

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.storage.garbage import REST, named_hashes, release
from autotag.media.storage.storage import Storage
from autotag.models.unit_of_work import unit_of_work

logger = structlog.stdlib.get_logger(__name__)

PREFIXES = tuple(f"{number:02x}" for number in range(256))
"""What the names of contents begin with."""

AN_HOUR = 11
"""Prefixes that are looked at in an hour: 24 hours are a little more than all."""

AT_ONCE = 500


class StraySweep:
    """Notes contents that lie in the storage and that no document names, a few prefixes an hour."""

    def __init__(self, sessions: sessionmaker[Session], storage: Storage) -> None:
        self._sessions = sessions
        self._storage = storage
        self._waiting: list[str] = []

    def begin(self) -> None:
        """Say that a new hour has come: what is to be looked at in it."""
        first = int(time.time() // 3600) * AN_HOUR
        self._waiting = [PREFIXES[(first + number) % len(PREFIXES)] for number in range(AN_HOUR)]

    def step(self) -> bool:
        """Look at the next prefix; return whether more are left. Raises OSError."""
        if self._waiting:
            self.look(self._waiting.pop())
        return bool(self._waiting)

    def look(self, prefix: str) -> int:
        """Note the strays whose hash begins with a prefix; return how many. Raises OSError.

        Files younger than an hour may belong to an upload on its way.
        """
        found = sorted(self._storage.contents(prefix, older_than_seconds=REST.total_seconds()))
        noted = 0
        for start in range(0, len(found), AT_ONCE):
            hashes = found[start : start + AT_ONCE]
            with self._sessions() as session:
                strays = set(hashes) - named_hashes(session, hashes)
            if strays:
                with self._sessions() as session, unit_of_work(session) as work:
                    release(work.session, strays)
                noted += len(strays)
        if noted:
            logger.info("files that no document names", files=noted)
        return noted
