"""Outcomes that are written whatever happens: a busy database is waited for, one bad outcome takes no other with it."""

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session, sessionmaker

from autotag.tagging.pipeline.finish_claims import Finished
from autotag.tagging.pipeline.record_outcome import record_many
from autotag.tagging.pipeline.trouble import unexpected

logger = structlog.stdlib.get_logger(__name__)

PAUSES = (0.2, 1.0, 3.0, 10.0, 30.0)
"""Seconds between tries while the database is busy or away. A try itself may wait 15 seconds for SQLite's writer."""


class OutcomeWriter:
    """Writes outcomes for one worker.

    What could not be written because the database is away is kept, and written first the next time: a provider may have
    been paid for it.
    """

    def __init__(self, sessions: sessionmaker[Session], worker: str) -> None:
        self._sessions = sessions
        self._worker = worker
        self._unwritten: list[Finished] = []

    def write(self, finished: Sequence[Finished]) -> list[Finished]:
        """Write outcomes of documents of one instance; return those that were written, for claims still held.

        Raises nothing that a database or an outcome can be to blame for.
        """
        self.write_rest()
        if not finished:
            return []
        written = self._write_together(finished)
        return self._write_one_by_one(finished) if written is None else written

    def write_rest(self) -> None:
        """Write what is left from when the database was away: at least what providers said."""
        rest, self._unwritten = self._unwritten, []
        if rest:
            self._write_one_by_one(rest)

    def _write_together(self, finished: Sequence[Finished]) -> list[Finished] | None:
        tries = 0
        for pause in (*PAUSES, None):
            try:
                return record_many(self._sessions, finished, self._worker)
            except Exception as error:
                tries += 1
                _log(finished, error)
                if pause is None or (tries == 2 and not _is_away(error)):
                    break
            time.sleep(pause)
        return None

    def _write_one_by_one(self, finished: Sequence[Finished]) -> list[Finished]:
        written: list[Finished] = []
        for number, one in enumerate(finished):
            try:
                written += self._write_alone(one)
            except Exception as error:
                _log([one], error)
                if _is_away(error):
                    self._unwritten += finished[number:]
                    break
        return written

    def _write_alone(self, one: Finished) -> list[Finished]:
        """Write one outcome; if it cannot be written, one that says so, with what providers said if that can be."""
        held, outcome = one
        try:
            return record_many(self._sessions, [one], self._worker)
        except Exception as error:
            if _is_away(error):
                raise
            failed = unexpected(held, error)
        try:
            kept = replace(failed, predictions=outcome.predictions, facts=outcome.facts)
            return record_many(self._sessions, [(held, kept)], self._worker)
        except Exception as error:
            if _is_away(error):
                raise
            _log([one], error)
        return record_many(self._sessions, [(held, failed)], self._worker)


def _is_away(error: Exception) -> bool:
    """Whether it is the database that is busy or gone, so that no other outcome would fare better."""
    if isinstance(error, OperationalError | InterfaceError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _log(finished: Sequence[Finished], error: Exception) -> None:
    logger.error(
        "outcomes not written",
        instance_id=finished[0][0].instance_id,
        documents=len(finished),
        exc_info=error,
    )
