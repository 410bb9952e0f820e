"""The engine: SQLite treated as a real database, PostgreSQL as it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

# https://sqlite.org/wal.html: the WAL-reset bug, which several processes on one file can meet, ended here.
SAFE_SQLITE_VERSION = (3, 51, 3)
BUSY_TIMEOUT_MILLISECONDS = 15_000
WRITE_OPTION = "autotag_write"


def sqlite_module() -> ModuleType:
    """Return the DB-API module for SQLite: pysqlite3 with its own recent SQLite, else Python's."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    module: ModuleType = dbapi2
    return module


def sqlite_is_safe() -> bool:
    """Whether the linked SQLite is free of the WAL-reset corruption bug."""
    version: tuple[int, ...] = sqlite_module().sqlite_version_info
    return version >= SAFE_SQLITE_VERSION


def engine_options(url: str) -> dict[str, Any]:
    """Return keyword arguments for `create_engine`, for whoever creates the engine in our place."""
    if make_url(url).get_backend_name() != "sqlite":
        return {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 10}
    return {
        "module": sqlite_module(),
        "connect_args": {"timeout": BUSY_TIMEOUT_MILLISECONDS / 1000, "check_same_thread": False},
        "pool_size": 16,
        "max_overflow": 16,
    }


def prepare_engine(engine: Engine, *, durable: bool = True) -> Engine:
    """Add the connection hooks that SQLite needs; PostgreSQL needs none.

    `durable` makes a commit survive a power cut (synchronous=FULL). Workers pass False: what they write can
    be made again from the uploaded file, and the file stays consistent either way.
    """
    if engine.dialect.name != "sqlite":
        return engine

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        # Transactions are begun below, explicitly; the driver's own implicit BEGIN is deferred.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another has written in between
        # (SQLITE_BUSY_SNAPSHOT), whatever the busy time-out: so a writer takes the lock at its beginning.
        write = connection.get_execution_options().get(WRITE_OPTION, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def build_engine(url: str, *, durable: bool = True) -> Engine:
    """Create a prepared engine for a database URL."""
    return prepare_engine(create_engine(url, **engine_options(url)), durable=durable)


def build_session_factory(url: str, *, durable: bool = True) -> sessionmaker[Session]:
    """Return the factory of sessions for processes without Flask: workers, scheduler, commands."""
    return sessionmaker(build_engine(url, durable=durable), expire_on_commit=False)


@contextmanager
def lent_sessions(url: str, *, durable: bool = True) -> Iterator[sessionmaker[Session]]:
    """Lend the factory of sessions to who needs it for a while; all connections are closed at the end."""
    sessions = build_session_factory(url, durable=durable)
    try:
        yield sessions
    finally:
        sessions.kw["bind"].dispose()
