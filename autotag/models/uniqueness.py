"""A unique constraint that refuses a row becomes the answer that the caller gives in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

# https://www.postgresql.org/docs/current/errcodes-appendix.html: unique_violation
UNIQUE_VIOLATION = "23505"
# SQLite's driver gives no code on every version, but SQLite's own message for SQLITE_CONSTRAINT_UNIQUE is fixed.
SQLITE_MESSAGE = "UNIQUE constraint failed"


@contextmanager
def refused_when_taken(session: Session, refusal: Callable[[], Exception | None]) -> Iterator[None]:
    """Write what the block changes; when a unique constraint refuses it, raise what `refusal` returns.

    Two transactions may both look and both find a name free. The second one to write waits for the first, and
    then meets the constraint. The changes of the block are rolled back before `refusal` is called, so that it can
    read who has the name. When it returns None, and when another constraint was violated, IntegrityError is raised.
    """
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        reason = refusal() if is_unique_violation(error) else None
        if reason is None:
            raise
        raise reason from error


def is_unique_violation(error: IntegrityError) -> bool:
    """Whether a unique constraint refused a row, rather than a foreign key or a missing value."""
    state = getattr(error.orig, "sqlstate", None)
    return state == UNIQUE_VIOLATION or str(error.orig).startswith(SQLITE_MESSAGE)
