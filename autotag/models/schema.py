"""Bringing the database's tables to this version, with Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations up to a revision; no change when the tables are there already."""
    with _connected(engine) as connection:
        command.upgrade(_configuration(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Run the migrations down to a revision."""
    with _connected(engine) as connection:
        command.downgrade(_configuration(connection), revision)


def is_current(engine: Engine) -> bool:
    """Whether the database's tables are those of this version."""
    with engine.connect() as connection:
        return revision_of(connection) == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def revision_of(connection: Connection) -> str | None:
    """Return which migration the database's tables are of; None when there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str | None) -> bool:
    """Whether this version has the migration, and so can bring tables of it up to date."""
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    return revision in known


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which SQLite does not act on foreign keys, and commit at the end.

    A batch migration makes a table anew, copies its rows and drops the old one: with foreign keys in force
    that would delete all rows that refer to it. They are checked afterwards.
    """
    with engine.connect() as connection:
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


def _set_foreign_keys(connection: Connection, enforced: bool) -> None:
    # On the driver's own connection: within a transaction this pragma does nothing.
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - for the type checker: the connection is open
        driver.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")


def _configuration(connection: object) -> AlembicConfig:
    configuration = AlembicConfig()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration
