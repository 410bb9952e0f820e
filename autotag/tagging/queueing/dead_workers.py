"""Taking back what workers had in hand that will not come back: their machine is off, say.

A worker that is started again takes back what it had itself, within a second. Of one that is not, the leases would
run out only after the longest time that its images may take, many minutes. So whoever has given no sign of life for
half a minute counts as dead, while the broker that keeps the signs could be asked all the time. If that is wrong,
because a worker is cut off from the broker alone, its outcomes find their claims gone and are not written.
"""

import time
from functools import partial

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.guards import Guards
from autotag.models import Document, TaggingState
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.queueing.heartbeats import Part, living

logger = structlog.stdlib.get_logger(__name__)

EVERY_SECONDS = 5.0
MISSING_SECONDS = 30.0


class DeadWorkers:
    """Looks from time to time for claims of workers that give no sign of life."""

    def __init__(
        self, sessions: sessionmaker[Session], connection: Redis, *, guards: Guards | None = None
    ) -> None:
        """`guards` holds a guard for each worker, so that one whose documents cannot be taken back stops no other."""
        self._sessions = sessions
        self._guards = guards or Guards()
        self._connection = connection
        self._missing_since: dict[str, float] = {}
        self._due = 0.0

    def step(self) -> int:
        """Look if it is time to; return how many documents were taken back."""
        now = time.monotonic()
        if now < self._due:
            return 0
        self._due = now + EVERY_SECONDS
        try:
            # A sign's name is the worker's, and what tells its processes apart.
            alive = {
                sign.name.rpartition(".")[0] for sign in living(self._connection) if sign.part is Part.WORKER
            }
        except RedisError:
            # Who cannot be heard is not dead.
            self._missing_since.clear()
            return 0
        missing = self._holders() - alive
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}
        return sum(
            self._guards.run("dead workers", partial(self._take_back, name), 0, subject=f"worker {name}")
            for name, since in self._missing_since.items()
            if now - since >= MISSING_SECONDS
        )

    def _holders(self) -> set[str]:
        """Return the names of workers that have documents in hand."""
        with self._sessions() as session:
            claims = session.scalars(
                select(Document.tagging_claim)
                .where(Document.tagging_state == TaggingState.RUNNING, Document.tagging_claim.is_not(None))
                .distinct()
            )
            return {claim.rpartition("/")[0] for claim in claims if claim is not None}

    def _take_back(self, name: str) -> int:
        released = release_claims_of(self._sessions, name)
        if released:
            logger.warning("took back documents of a worker that died", worker=name, documents=released)
        return released
