"""A PostgreSQL server of the tests' own, in a temporary folder, and databases on it.

With `--postgresql` the unit tests that have a database have it there instead of in an SQLite file, and whatever
installations are started use one there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from sqlalchemy import Engine, create_engine, text

from autotag.models import Base, schema
from autotag.models.engine import build_engine

SERVER_USER = "postgres"


def server_programs() -> Path | None:
    """The folder of PostgreSQL's programs: on the path, or where Debian keeps each version."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    versions = sorted(folders, key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def as_server_user(*command: str) -> None:
    """Run a program as the server's user: PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*prefix, *command], cwd="/", capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def postgresql_server(absent: Callable[[str], None]) -> Iterator[str]:
    """The URL of a cluster that runs while the tests do; the database's name is to be appended."""
    programs = server_programs()
    if programs is None:
        absent("PostgreSQL is not installed")
        return
    folder = Path(tempfile.mkdtemp(prefix="at-pg-"))
    data = folder / "data"
    if os.geteuid() == 0:
        shutil.chown(folder, SERVER_USER)
    try:
        initdb = [str(programs / "initdb"), "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        as_server_user(*initdb, f"--username={SERVER_USER}", f"--pgdata={data}")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
        as_server_user(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{SERVER_USER}@/{{database}}?host={folder}"
        finally:
            as_server_user(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str) -> str:
    """Make an empty database; return its URL."""
    name = f"test_{token_hex(8)}"
    engine = create_engine(server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.format(database=name)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of an empty database of this test's own."""
    return new_database(postgresql_server)


@pytest.fixture(scope="session")
def emptied_database(postgresql_server: str) -> Iterator[Callable[[], str]]:
    """Returns, each time, the URL of the same database with the tables of this version and nothing in them."""
    url = new_database(postgresql_server)
    engine = build_engine(url)
    schema.upgrade(engine)

    def empty() -> str:
        _empty(engine)
        return url

    yield empty
    engine.dispose()


def _empty(engine: Engine) -> None:
    """Delete all rows and begin to count anew. Emptying files, as TRUNCATE does, would take ten times as long."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        # Foreign keys are looked after by triggers, which would look at each row.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Base.metadata.tables.values():
            connection.execute(text(f'DELETE FROM "{table.name}"'))  # noqa: S608 - our own names
        connection.execute(
            text(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"
                " WHERE last_value IS NOT NULL"
            )
        )
