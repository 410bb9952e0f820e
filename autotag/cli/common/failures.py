"""What went wrong, in one line for whoever typed the command."""

import errno
import sys
from typing import Any

DATABASE_DRIVERS = {"psycopg": "postgresql", "psycopg2": "postgresql"}
LINE_LENGTH = 300
NOT_SET_UP = "The database is not set up for this version. Run: autotag init"


def in_one_line(error: Exception, *, expected_only: bool = False) -> str | None:
    """Return a sentence for an error; None for one that is to pass on as it is.

    Those are a reader of our output that has gone, which click ends quietly, and with `expected_only` what no
    operator could bring about.
    """
    # Rooms that were not loaded raised nothing; looking for their errors must not load them.
    database, broker = sys.modules.get("sqlalchemy.exc"), sys.modules.get("redis.exceptions")
    if database is not None and isinstance(error, database.SQLAlchemyError):
        return database_failure(error)
    if broker is not None and isinstance(error, broker.RedisError):
        return f"The broker cannot be used: {_first_line(error)} It runs with: autotag up"
    if isinstance(error, ModuleNotFoundError) and error.name in DATABASE_DRIVERS:
        extra = DATABASE_DRIVERS[error.name]
        return f"The database's driver is not installed. Install it with: pip install autotag[{extra}]"
    if isinstance(error, OSError):
        return None if error.errno == errno.EPIPE else _system_failure(error)
    if expected_only:
        return None
    return (
        f"Unexpected error: {type(error).__name__}: {_first_line(error)} "
        "Repeat the command with autotag --traceback to see where."
    )


def database_failure(error: Any) -> str:
    """Return a sentence for an error of SQLAlchemy: that the database is busy, not set up, or cannot be used."""
    reason = _first_line(getattr(error, "orig", None) or error)
    lower = reason.lower()
    if "is locked" in lower:
        return "The database is busy: another program is writing to it. Try again in a moment."
    if any(part in lower for part in ("no such table", "no such column", "does not exist")) and (
        "database" not in lower and "role" not in lower
    ):
        return NOT_SET_UP
    return f"The database cannot be used: {reason}"


def _system_failure(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def _first_line(error: object) -> str:
    lines = str(error).splitlines()
    return lines[0][:LINE_LENGTH] if lines else type(error).__name__
