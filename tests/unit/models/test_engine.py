import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, VirtualInstance
from autotag.models.engine import (
    SAFE_SQLITE_VERSION,
    build_engine,
    build_session_factory,
    engine_options,
    lent_sessions,
    sqlite_is_safe,
    sqlite_module,
)
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

ADD_TITLES = """
import sys
from autotag.models.engine import build_session_factory
from autotag.models.unit_of_work import unit_of_work
from sqlalchemy import text
sessions = build_session_factory(sys.argv[1], durable=False)
print("up", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with sessions() as session, unit_of_work(session) as work:
        number = work.session.scalar(text("SELECT max_users FROM virtual_instance"))
        work.session.execute(text("UPDATE virtual_instance SET max_users = :n"), {"n": number + 1})
"""


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 15_000), ("mmap_size", 0)],
)
def test_a_live_connection_has_the_pragma(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
def test_durability_decides_how_a_commit_is_synced(tmp_path: Path, durable: bool, synchronous: int) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'a.sqlite'}", durable=durable)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == synchronous
    engine.dispose()


def test_an_engine_is_durable_unless_told_otherwise(tmp_path: Path) -> None:
    factory = build_session_factory(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with factory() as session:
        assert session.scalar(text("PRAGMA synchronous")) == 2
    factory.kw["bind"].dispose()


@pytest.mark.sqlite
def test_the_linked_sqlite_is_free_of_the_wal_reset_bug(engine: Engine) -> None:
    with engine.connect() as connection:
        live = connection.scalar(text("SELECT sqlite_version()"))
    assert live == sqlite_module().sqlite_version
    assert tuple(int(part) for part in live.split(".")) >= SAFE_SQLITE_VERSION == (3, 51, 3)
    assert sqlite_is_safe()


def test_an_older_sqlite_counts_as_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module(), "sqlite_version_info", (3, 51, 2))
    assert not sqlite_is_safe()


def test_postgresql_gets_no_options_of_sqlite() -> None:
    assert "module" not in engine_options("postgresql+psycopg://host/name")


@pytest.mark.parametrize("failure", [None, RuntimeError])
def test_lent_sessions_leave_no_connection_open(database_url: str, failure: type[Exception] | None) -> None:
    with pytest.raises(failure) if failure else nullcontext(), lent_sessions(database_url) as sessions:
        with sessions() as session:
            session.execute(text("SELECT 1"))
        assert sessions.kw["bind"].pool.checkedin() == 1
        if failure:
            raise failure
    assert sessions.kw["bind"].pool.checkedin() == 0


def test_a_row_that_points_nowhere_is_refused(make: Factory, sessions: sessionmaker[Session]) -> None:
    document = make.document(make.instance())
    with pytest.raises(IntegrityError), sessions() as session, unit_of_work(session):
        session.execute(update(Document).values(owner_id=999, id=document.id))


def test_deleting_an_instance_takes_its_documents_along(
    make: Factory, sessions: sessionmaker[Session]
) -> None:
    instance = make.instance()
    make.document(instance)
    with sessions() as session, unit_of_work(session) as work:
        work.session.delete(work.session.get_one(VirtualInstance, instance.id))
    with sessions() as session:
        assert session.scalars(select(Document)).all() == []


@pytest.mark.sqlite
def test_a_unit_of_work_takes_the_write_lock_at_its_beginning(
    make: Factory, sessions: sessionmaker[Session]
) -> None:
    make.instance()
    with sessions() as first, unit_of_work(first), sessions() as second:
        second.execute(text("PRAGMA busy_timeout = 0"))
        with pytest.raises(OperationalError, match="database is locked"):
            second.execute(update(VirtualInstance).values(max_users=1))


@pytest.mark.sqlite
def test_reading_takes_no_write_lock(make: Factory, sessions: sessionmaker[Session]) -> None:
    make.instance()
    with sessions() as reader, sessions() as writer:
        reader.scalars(select(VirtualInstance)).all()
        writer.execute(text("PRAGMA busy_timeout = 0"))
        with unit_of_work(writer):
            writer.execute(update(VirtualInstance).values(max_users=1))


@pytest.mark.sqlite
def test_a_second_writer_waits_and_sees_what_the_first_wrote(
    make: Factory, sessions: sessionmaker[Session]
) -> None:
    make.instance()
    begun = threading.Event()
    seen: list[int] = []

    def second() -> None:
        with sessions() as session:
            # An old snapshot: without the lock at the beginning, the write below would fail at once.
            session.scalars(select(VirtualInstance)).one()
            begun.set()
            with unit_of_work(session) as work:
                seen.append(work.session.scalars(select(VirtualInstance)).one().max_users)
                work.session.execute(update(VirtualInstance).values(max_users=VirtualInstance.max_users + 1))

    thread = threading.Thread(target=second)
    with sessions() as session, unit_of_work(session) as work:
        thread.start()
        begun.wait(5)
        time.sleep(0.05)
        assert seen == []
        work.session.execute(update(VirtualInstance).values(max_users=41))
    thread.join(10)
    assert seen == [41]
    with sessions() as session:
        assert session.scalars(select(VirtualInstance)).one().max_users == 42


@pytest.mark.sqlite
def test_two_processes_lose_no_update(
    make: Factory, database_url: str, sessions: sessionmaker[Session]
) -> None:
    make.instance()
    command = [sys.executable, "-c", ADD_TITLES, database_url, "40"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    with sessions() as session:
        assert session.scalars(select(VirtualInstance)).one().max_users == 80
