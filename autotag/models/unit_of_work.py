"""One owner of the transaction: requests, jobs and commands write through here, services only flush."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from autotag.models.engine import WRITE_OPTION


class UnitOfWork:
    """A write transaction in progress, and what waits for its commit."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._waiting: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        """Let `action` happen once the transaction is committed; never if it is not.

        The action must not raise for a fault that the committed data can live with: the caller has already
        been promised the commit.
        """
        self._waiting.append(action)

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()


@contextmanager
def unit_of_work(session: Session) -> Iterator[UnitOfWork]:
    """Open a write transaction, commit it once at the end, then release what waited for the commit.

    Whatever the session had read before is read again under the write lock. An exception rolls back and
    passes on; then nothing that waited happens.
    """
    session.rollback()
    try:
        session.connection(execution_options={WRITE_OPTION: True})
        work = UnitOfWork(session)
        yield work
        session.commit()
    except BaseException:
        session.rollback()
        raise
    work._release()
