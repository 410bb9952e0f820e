"""A PostgreSQL server of the tests' own, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState, VirtualInstance, schema
from autotag.models.engine import build_engine
from autotag.models.unit_of_work import unit_of_work

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


@pytest.fixture
def postgresql_url(postgresql_server: str, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of this test's own."""
    name = f"test_{abs(hash(request.node.nodeid)) % 10**12}"
    engine = create_engine(postgresql_server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgresql_server.format(database=name)


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of this version."""
    engine = build_engine(postgresql_url)
    schema.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)


@pytest.fixture
def instance_id(sessions: sessionmaker[Session]) -> int:
    """The default instance, which has nothing in it."""
    with sessions() as session, unit_of_work(session) as work:
        instance = VirtualInstance(web_id="default", virtual_host="localhost")
        work.session.add(instance)
        work.session.flush()
        return instance.id


@pytest.fixture
def documents(sessions: sessionmaker[Session], instance_id: int) -> list[int]:
    """The ids of some documents that wait to be tagged."""
    with sessions() as session, unit_of_work(session) as work:
        rows = [
            Document(
                instance_id=instance_id,
                title=f"Picture {number}",
                file_name=f"{number}.jpg",
                sha256=f"{number:064x}",
                mime_type="image/jpeg",
                size=1,
                tagging_state=TaggingState.QUEUED,
            )
            for number in range(40)
        ]
        work.session.add_all(rows)
        work.session.flush()
        return [row.id for row in rows]
