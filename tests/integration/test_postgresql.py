"""What must hold on PostgreSQL as it does on SQLite: migrations, claims, recording, and the whole road."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, delete, func, inspect, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.instances.administration import (
    InstanceError,
    InstanceFields,
    create_instance,
    load_instance,
    update_instance,
)
from autotag.instances.passwords import NewPassword
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import (
    Base,
    Document,
    PredictionSet,
    RunItemState,
    RunScope,
    RunState,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingState,
    User,
    VirtualInstance,
    schema,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.providers.base import ProviderUnavailable
from autotag.serving.backup import BackupError, back_up
from autotag.serving.restore import restore
from autotag.tagging.pipeline.claims import claim
from autotag.tagging.pipeline.outcome import Outcome, Predictions
from autotag.tagging.pipeline.record_outcome import record
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.policy import Candidate, decide
from autotag.tagging.provider_health.circuit_breaker import note_trouble, troubled_providers
from autotag.tagging.provider_health.process_breaker import process_health, record_crash
from autotag.tagging.runs.dispatch import WINDOW
from autotag.tagging.runs.lifecycle import count_covered, pause_run, resume_run, undo_run
from autotag.tagging.runs.progress import list_runs, list_tagged, progress_of
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library, enable_tensorflow

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.postgresql

DOCUMENTS = 40
CLAIM_ALL = """
import sys
from autotag.models.engine import build_session_factory
from autotag.serving.backup import BackupError, back_up
from autotag.serving.restore import restore
from autotag.tagging.pipeline.claims import claim

url, instance_id, name, *ids = sys.argv[1:]
sessions = build_session_factory(url)
print("ready", flush=True)
sys.stdin.readline()
print(*(key for key in ids if claim(sessions, int(instance_id), int(key), name)))
"""
MIGRATE = """
import sys
from autotag.models import schema
from autotag.models.engine import build_engine

engine = build_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
schema.upgrade(engine)
print(schema.is_current(engine))
"""


def outcome(*names: str) -> Outcome:
    candidates = [Candidate(name, 0.9, "tensorflow", "m", 0.1) for name in names]
    pairs = tuple((name, 0.9) for name in names)
    return Outcome(
        TaggingState.TAGGED,
        decisions=tuple(decide(candidates, maximum=0)),
        predictions=(Predictions("tensorflow", "m", "1", "runtime", pairs),),
    )


def is_model(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table is a model's; that of the full-text search differs by database and is none."""
    return kind != "table" or name != "document_search"


def test_migrations_lead_to_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": is_model}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_go_down_to_nothing_and_up_again(engine: Engine) -> None:
    schema.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    schema.upgrade(engine)
    assert schema.is_current(engine)
    assert set(inspect(engine).get_table_names()) >= set(Base.metadata.tables)


def test_two_machines_that_set_up_one_database_at_once_migrate_it_one_after_the_other(
    postgresql_url: str,
) -> None:
    machines = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, postgresql_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in machines:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60) for process in machines]
    assert told == [("True\n", "")] * 2


def test_two_processes_never_claim_the_same_document(
    postgresql_url: str, instance_id: int, documents: list[int]
) -> None:
    claimants = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                CLAIM_ALL,
                postgresql_url,
                str(instance_id),
                name,
                *map(str, documents),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in claimants:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    won = [process.communicate("go\n", timeout=60)[0].split() for process in claimants]
    assert sorted(int(key) for keys in won for key in keys) == documents
    assert [process.returncode for process in claimants] == [0, 0]


def test_workers_that_find_the_same_new_tag_at_once_share_it(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int]
) -> None:
    held = [claim(sessions, instance_id, key, "worker") for key in documents]
    at_once = threading.Barrier(8)

    def finish(number: int) -> bool:
        if number < at_once.parties:
            at_once.wait(30)
        found = held[number]
        assert found is not None
        return record(sessions, found, outcome("freight car", "Freight Car", f"own {number % 3}"), "worker")

    with ThreadPoolExecutor(at_once.parties) as pool:
        assert all(pool.map(finish, range(DOCUMENTS)))
    with sessions() as session:
        names = sorted(session.scalars(select(Tag.normalized_name)))
        assert names == ["freight car", "own 0", "own 1", "own 2"]
        assert session.scalar(select(func.count()).select_from(TagAssignment)) == 2 * DOCUMENTS
        assert session.scalar(select(func.count()).select_from(TaggingAttempt)) == DOCUMENTS


@pytest.mark.parametrize("hosts", [["acme"] * 4, ["one", "two", "three", "four"]])
def test_of_those_who_make_an_instance_at_once_one_does_and_the_others_are_told(
    sessions: sessionmaker[Session], hosts: list[str]
) -> None:
    at_once = threading.Barrier(len(hosts))

    def make(host: str) -> dict[str, str]:
        with sessions() as session, unit_of_work(session) as work:
            at_once.wait(30)
            fields = InstanceFields("acme", host)
            try:
                create_instance(
                    work,
                    fields,
                    base_domain="localhost",
                    email="ada@acme.example",
                    password=NewPassword("no password fits"),
                    actor="admin@localhost",
                )
            except InstanceError as error:
                return error.errors
            return {}

    with ThreadPoolExecutor(at_once.parties) as pool:
        told = list(pool.map(make, hosts))
    assert sorted(map(bool, told)) == [False, True, True, True]
    assert {errors["web_id"] for errors in told if errors} == {"acme is taken by another instance."}
    with sessions() as session:
        (made,) = session.scalars(select(VirtualInstance).where(VirtualInstance.web_id == "acme"))
        assert session.scalar(select(func.count(User.id)).where(User.instance_id == made.id)) == 1


def test_two_instances_that_take_the_same_name_at_once(sessions: sessionmaker[Session]) -> None:
    with sessions() as session, unit_of_work(session) as work:
        made = [VirtualInstance(web_id=name, virtual_host=name) for name in ("one", "two")]
        work.session.add_all(made)
        work.session.flush()
        ids = [instance.id for instance in made]
    at_once = threading.Barrier(len(ids))

    def rename(instance_id: int) -> dict[str, str]:
        with sessions() as session, unit_of_work(session) as work:
            instance = load_instance(work.session, instance_id)
            at_once.wait(30)
            try:
                update_instance(
                    work, instance, InstanceFields("acme", "acme"), base_domain="localhost", actor="admin"
                )
                # Until the other one waits for what this one has written.
                time.sleep(0.5)
            except InstanceError as error:
                return error.errors
            return {}

    with ThreadPoolExecutor(at_once.parties) as pool:
        told = sorted(pool.map(rename, ids), key=len)
    assert told == [
        {},
        {
            "web_id": "acme is taken by another instance.",
            "virtual_host": "acme is taken by the instance acme.",
        },
    ]


def test_what_all_workers_note_at_once_is_counted_for_each(
    sessions: sessionmaker[Session], instance_id: int
) -> None:
    """The first ones find no row; the others wait for each other."""
    at_once = threading.Barrier(8)
    down = ProviderUnavailable("down", "It is down.")

    def note(_: int) -> None:
        at_once.wait(30)
        record_crash(sessions, "ended by SIGKILL")
        at_once.wait(30)
        note_trouble(sessions, instance_id, "google-cloud-vision", down)

    with ThreadPoolExecutor(at_once.parties) as pool:
        list(pool.map(note, range(at_once.parties)))
    with sessions() as session:
        assert process_health(session).crashes == at_once.parties
        (trouble,) = troubled_providers(session, instance_id).values()
        assert trouble.failures == at_once.parties


def test_an_outcome_is_recorded_once_however_often_it_is_sent(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int]
) -> None:
    held = claim(sessions, instance_id, documents[0], "worker")
    assert held is not None
    assert [record(sessions, held, outcome("tabby"), "worker") for _ in range(3)] == [True, False, False]
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(TaggingAttempt)) == 1
        assert session.scalar(select(func.count()).select_from(PredictionSet)) == 1


def test_predictions_that_are_there_already_are_left_alone(
    sessions: sessionmaker[Session], instance_id: int, documents: list[int]
) -> None:
    first, second = documents[:2]
    with sessions() as session, unit_of_work(session) as work:
        work.session.get_one(Document, second).sha256 = f"{0:064x}"
    for key in (first, second):
        held = claim(sessions, instance_id, key, "worker")
        assert held is not None
        assert record(sessions, held, outcome("tabby"), "worker")
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(PredictionSet)) == 1
        assert session.scalar(select(func.count()).select_from(TagAssignment)) == 2


def test_a_backup_brings_back_what_was_there_at_one_moment(
    postgresql_url: str,
    sessions: sessionmaker[Session],
    documents: list[int],
    tmp_path: Path,
) -> None:
    config = Config(
        instance_path=tmp_path,
        database_url=postgresql_url,
        storage_path=tmp_path / "files",
        secret_key="only for tests",
        admin_email="admin@localhost",
    )
    storage = FolderStorage(config.storage_path)
    with sessions() as session, unit_of_work(session) as work:
        sha256 = hashlib.sha256(b"picture").hexdigest()
        work.session.get_one(Document, documents[0]).sha256 = sha256
        path = storage.incoming()
        path.write_bytes(b"picture")
        storage.keep(path, original_key(sha256), durable=False)
        work.session.execute(delete(Document).where(Document.id != documents[0]))
    back_up(config, tmp_path / "backup.tar")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(delete(Document))
    storage.delete(original_key(sha256))
    with pytest.raises(BackupError, match="--overwrite"):
        restore(config, tmp_path / "backup.tar")
    sessions.kw["bind"].dispose()
    restore(config, tmp_path / "backup.tar", overwrite=True)
    with sessions() as session:
        assert list(session.scalars(select(Document.title))) == ["Picture 0"]
    assert storage.local_path(original_key(sha256)).read_bytes() == b"picture"


def test_the_whole_road_runs_on_postgresql(
    postgresql_url: str,
    start_installation: Callable[..., Installation],
    make_pictures: Callable[[int], list[bytes]],
) -> None:
    installation = start_installation(AUTOTAG_DATABASE_URL=postgresql_url)
    client = installation.client()
    ids = [client.upload(f"{number}.jpg", content) for number, content in enumerate(make_pictures(12))]
    installation.wait_final(ids)
    assert set(installation.database.states(ids)) <= {"tagged", "no_tags"}
    installation.assert_tagged_once(ids)
    assert not (installation.instance_path / "autotag.sqlite").exists()
    assert installation.run("doctor", "--json").returncode == 0
    assert installation.stop() == 0


def test_a_run_is_stopped_resumed_and_undone_as_on_sqlite(
    sessions: sessionmaker[Session], instance_id: int
) -> None:
    with sessions() as session:
        instance = session.get_one(VirtualInstance, instance_id)
    enable_tensorflow(sessions, instance_id)
    library = Library(sessions, Factory(sessions), instance)
    documents = [
        library.document(TaggingState.SKIPPED, tagging_reason="It was off.") for _ in range(WINDOW + 4)
    ]
    library.document(deleted_at=utc_now())
    run = library.start(scope=RunScope.UNTAGGED)
    (held, *_) = library.take(documents[0], documents[1])
    library.record(held, library.conclude(held))
    library.act(pause_run, run)
    assert library.items(run) == {
        RunItemState.DONE: 1,
        RunItemState.QUEUED: 1,
        RunItemState.WAITING: WINDOW + 2,
    }
    release_claims_of(sessions, "worker-1")
    library.go_on()
    library.act(resume_run, run)
    library.add(documents[2], "mine")
    library.go_on()
    library.add(documents[0], "cat")
    assert library.run(run).state is RunState.FINISHED
    assert library.items(run) == {RunItemState.DONE: WINDOW + 4}
    with sessions() as session:
        found = progress_of(session, library.run(run))
        assert (found.counts.done, found.counts.left) == (WINDOW + 4, 0)
        assert len(list_tagged(session, library.run(run), limit=5)) == 5
        assert len(list_runs(session, instance_id)) == 1
        assert count_covered(session, instance_id)[RunScope.UNTAGGED].images == 0
    library.act(undo_run, run)
    library.go_on()
    assert library.run(run).finished_at is not None
    assert library.tags(documents[0]) == {"cat": "manual"}
    assert library.tags(documents[2]) == {"mine": "manual"}
    assert {library.look(document).tagging_reason for document in documents} == {"It was off."}
    assert library.all_tags() == ["cat", "mine"]
