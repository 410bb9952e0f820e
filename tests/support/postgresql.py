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
from sqlalchemy import Engine, create_engine, make_url, text

from autotag.models import schema
from autotag.models.engine import build_engine

SERVER_USER = "postgres"
# Nothing has to outlive the tests.
CARELESS = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"
    # Whatever it shares between its processes lies in its folder, and goes with it.
    " -c dynamic_shared_memory_type=mmap"
)
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 2 * 1024**3

# `test.empty` deletes all rows and counts anew, and answers whether the tables are as they were made. TRUNCATE, which
# makes files anew, would take ten times as long. Whatever a test has left open is closed: it could hold a lock.
NOTE_CHANGES = """
CREATE SCHEMA test;
CREATE TABLE test.version AS SELECT * FROM alembic_version;
CREATE TABLE test.change (command text);
CREATE FUNCTION test.note() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO test.change VALUES (tg_tag);
END $$;
CREATE FUNCTION test.empty() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
  IF EXISTS (SELECT FROM test.change) THEN
    RETURN false;
  END IF;
  -- Foreign keys are looked after by triggers, which would look at each row.
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DELETE FROM public.%I', name);
  END LOOP;
  INSERT INTO alembic_version SELECT * FROM test.version;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
    WHERE last_value IS NOT NULL;
  RETURN true;
END $$;
CREATE EVENT TRIGGER note_changes ON ddl_command_end EXECUTE FUNCTION test.note();
"""


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
    folder = Path(tempfile.mkdtemp(prefix="at-pg-", dir=_memory()))
    data = folder / "data"
    if os.geteuid() == 0:
        shutil.chown(folder, SERVER_USER)
    try:
        initdb = [str(programs / "initdb"), "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        as_server_user(*initdb, f"--username={SERVER_USER}", f"--pgdata={data}")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} {CARELESS}"
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
        as_server_user(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{SERVER_USER}@/{{database}}?host={folder}"
        finally:
            as_server_user(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """Where files are kept in memory, when there is enough of it: a container has 64 MB as a rule."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY else None


def new_database(server: str, template: str | None = "template1") -> str:
    """Make a database like another one, by default an empty one; return its URL."""
    name = f"test_{token_hex(8)}"
    engine = create_engine(server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return server.format(database=name)


def database_elsewhere(url: str, folder: Path) -> str:
    """The URL of an empty database of the same kind as another one: a file that is not there, or one on its server."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        return f"sqlite:///{folder / 'autotag.sqlite'}"
    return new_database(url.replace(str(found.database), "{database}"))


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of an empty database of this test's own."""
    return new_database(postgresql_server)


class EmptiedDatabase:
    """One database with the tables of this version, emptied as often as is asked for.

    Making a database takes a hundred times as long as emptying one, so that is left to the tests after which it is
    needed: an event trigger notes each statement that changes tables.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._template = new_database(server)
        engine = build_engine(self._template)
        schema.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text(NOTE_CHANGES))
        engine.dispose()
        self._engine = self._made_anew()

    def __call__(self) -> str:
        """Empty it; return its URL, which is another one when a test has changed the tables."""
        with self._engine.begin() as connection:
            is_as_made = connection.scalar(text("SELECT test.empty()"))
        if not is_as_made:
            self.close()
            self._engine = self._made_anew()
        return self._engine.url.render_as_string(hide_password=False)

    def close(self) -> None:
        self._engine.dispose()

    def _made_anew(self) -> Engine:
        return build_engine(new_database(self._server, template=make_url(self._template).database))


@pytest.fixture(scope="session")
def emptied_database(postgresql_server: str) -> Iterator[EmptiedDatabase]:
    """Returns, each time it is called, the URL of a database with the tables of this version and nothing in them."""
    database = EmptiedDatabase(postgresql_server)
    yield database
    database.close()
