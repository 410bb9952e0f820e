"""Bringing the database's tables to this version, with Alembic.

Alembic is loaded when there is something to migrate: it takes a tenth of a second, and what starts or looks at an
installation mostly finds its tables as they should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
VERSION_TABLE = "alembic_version"
MIGRATION_LOCK = 7_300_421
"""The number of the advisory lock that migrations hold on PostgreSQL: any that nobody else in the database uses."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations up to a revision; no change when the tables are there already."""
    from alembic import command

    with _connected(engine) as connection:
        command.upgrade(_configuration(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Run the migrations down to a revision."""
    from alembic import command

    with _connected(engine) as connection:
        command.downgrade(_configuration(connection), revision)


def is_current(engine: Engine) -> bool:
    """Whether the database's tables are those of this version."""
    with engine.connect() as connection:
        return revision_of(connection) == revisions()[-1]


def revision_of(connection: Connection) -> str | None:
    """Return which migration the database's tables are of; None when there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalars(select(table(VERSION_TABLE, column("version_num")).c[0])).one_or_none()


def is_known(revision: str | None) -> bool:
    """Whether this version has the migration, and so can bring tables of it up to date."""
    return revision in revisions()


def revisions() -> list[str]:
    """Return the revisions of all migrations, oldest first: the name of a migration's file begins with its own."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which SQLite does not act on foreign keys, and commit at the end.

    A batch migration makes a table anew, copies its rows and drops the old one: with foreign keys in force
    that would delete all rows that refer to it. They are checked afterwards.
    """
    with engine.connect() as connection, _one_at_a_time(connection):
        _set_foreign_keys(connection, False)
        try:
            yield connection
            if engine.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise RuntimeError(f"the migration left {len(broken)} rows that refer to nothing")
            connection.commit()
        finally:
            connection.rollback()
            _set_foreign_keys(connection, True)


@contextmanager
def _one_at_a_time(connection: Connection) -> Iterator[None]:
    """Let two machines that set up one PostgreSQL database migrate it one after the other."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})")
        connection.commit()


def _set_foreign_keys(connection: Connection, enforced: bool) -> None:
    # On the driver's own connection: within a transaction this pragma does nothing.
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - for the type checker: the connection is open
        driver.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")


def _configuration(connection: object) -> AlembicConfig:
    from alembic.config import Config as AlembicConfig

    configuration = AlembicConfig()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration
