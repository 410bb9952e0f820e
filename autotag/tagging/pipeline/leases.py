"""What a worker has in hand: its leases are renewed while it works, and what it does not come to is given back.

A lease is short, so that what a dead worker had is soon taken back. An image may take longer: it may wait for a process
to start, for services to answer and for another image. So a thread renews the leases. It stops when an image takes
longer than all time-outs together: then something hangs that no time-out ends.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session, sessionmaker

from autotag.tagging.pipeline.claims import LEASE, Claim
from autotag.tagging.pipeline.release_claims import give_back, renew_leases

logger = structlog.stdlib.get_logger(__name__)

RENEW_SECONDS = LEASE.total_seconds() / 6
"""Five renewals may fail before a lease is lost."""

LONGEST_EXAMINATION_SECONDS = 900.0
"""Longest legal work on one image. With the three providers: the process starts and works on an image (60 + 30 s) for
TensorFlow, and for the pictures; the same and the call (45 s) for each of two services; all of it twice, because the
other thread's image may have its turn first."""


@dataclass(slots=True)
class _Hold:
    claim: Claim
    begun_at: float | None = None


class Leases:
    """The documents that one worker has in hand. `on_stuck` is called when one of them hangs.

    What cannot be given back because the database is away is given back later. Threads may share it.
    """

    def __init__(
        self, sessions: sessionmaker[Session], *, on_stuck: Callable[[], None] | None = None
    ) -> None:
        self._sessions = sessions
        self._on_stuck = on_stuck
        self._lock = threading.Lock()
        self._held: dict[tuple[str, int], _Hold] = {}
        self._owed: dict[tuple[str, int], None] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, claims: Sequence[Claim]) -> None:
        """Renew the leases of these from now on."""
        with self._lock:
            self._held |= {_key(held): _Hold(held) for held in claims}
            self._watch()

    def begin(self, held: Claim) -> bool:
        """Note that a document is examined from now on. False when it was given back, so that it must not be."""
        with self._lock:
            hold = self._held.get(_key(held))
            if hold is not None:
                hold.begun_at = time.monotonic()
            return hold is not None

    def end(self, claims: Sequence[Claim]) -> None:
        """Forget documents whose outcomes are written."""
        with self._lock:
            for held in claims:
                self._held.pop(_key(held), None)

    def give_back(self, token: str, document_ids: Sequence[int]) -> None:
        """Queue documents again at once, as if this claim had not been; what was written meanwhile stays."""
        with self._lock:
            for document_id in document_ids:
                self._held.pop((token, document_id), None)
                self._owed[token, document_id] = None
            self._watch()
        self._settle()

    def give_back_rest(self) -> None:
        """Queue again whatever is still in hand."""
        with self._lock:
            keys = list(self._held)
        for token in {token for token, _ in keys}:
            self.give_back(token, [document_id for of, document_id in keys if of == token])

    def tick(self) -> None:
        """Give back what is owed and renew what is in hand, or give up when something hangs."""
        self._settle()
        now = time.monotonic()
        with self._lock:
            holds = dict(self._held)
        stuck = [
            hold.claim
            for hold in holds.values()
            if hold.begun_at is not None and now - hold.begun_at > LONGEST_EXAMINATION_SECONDS
        ]
        if stuck:
            self._give_up(stuck)
        elif holds:
            try:
                renew_leases(self._sessions, list(holds))
            except Exception as error:
                logger.warning("leases not renewed", documents=len(holds), exc_info=error)

    def _give_up(self, stuck: Sequence[Claim]) -> None:
        """Give back what nobody has begun with, and leave the rest to its leases, which run out now."""
        with self._lock:
            waiting = [key for key, hold in self._held.items() if hold.begun_at is None]
            self._held.clear()
        for held in stuck:
            logger.error("document hangs", instance_id=held.instance_id, document_id=held.document_id)
        for token in {token for token, _ in waiting}:
            self.give_back(token, [document_id for of, document_id in waiting if of == token])
        if self._on_stuck is not None:
            self._on_stuck()

    def _settle(self) -> None:
        with self._lock:
            owed = list(self._owed)
        if not owed:
            return
        try:
            given_back = give_back(self._sessions, owed)
        except Exception as error:
            logger.warning("documents not given back yet", documents=len(owed), exc_info=error)
            return
        logger.info("documents given back", documents=given_back)
        with self._lock:
            for key in owed:
                self._owed.pop(key, None)

    def _watch(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._wake.wait(RENEW_SECONDS):
            self.tick()
            with self._lock:
                if not self._held and not self._owed:
                    self._thread = None
                    return


def _key(held: Claim) -> tuple[str, int]:
    return held.token, held.document_id
