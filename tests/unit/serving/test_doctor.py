from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import make_url
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.configuration.entries import GOOGLE_CLOUD_VISION
from autotag.configuration.store import Place, Submission, save
from autotag.models import ProcessState, TaggingState, schema
from autotag.models.base import utc_now
from autotag.models.engine import build_engine, sqlite_module
from autotag.models.unit_of_work import unit_of_work
from autotag.serving import doctor
from autotag.serving.doctor import Check, examine
from autotag.tagging.queueing.heartbeats import Heartbeat, Part, living
from autotag.webhooks.registry import WebhookFields, create_webhook
from tests.conftest import wait_for
from tests.unit.conftest import Factory


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Config], Check]:
    """Makes one check alone: they are independent, and the one of the model takes a while."""
    names = ("database", "broker", "storage", "model", "tensorflow", "workers", "documents", "secrets")
    by_name = dict(zip(names, doctor.CHECKS, strict=True))

    def look(name: str, config: Config) -> Check:
        monkeypatch.setattr(doctor, "CHECKS", (by_name[name],))
        (check,) = examine(config)
        assert check.name == name
        return check

    return look


@pytest.fixture
def broker_config(config: Config, broker_socket: Path) -> Config:
    return replace(config, redis_url=f"unix://{broker_socket}")


def test_a_sound_database_is_told_with_its_version(
    look: Callable[[str, Config], Check], config: Config
) -> None:
    check = look("database", config)
    assert (check.ok, check.advice) == (True, "")
    told = {"sqlite": f"SQLite {sqlite_module().sqlite_version}", "postgresql": "PostgreSQL 1"}
    assert check.detail.startswith(told[make_url(config.database_url).get_backend_name()])


def test_a_database_without_tables_has_to_be_set_up(
    look: Callable[[str, Config], Check], config: Config, tmp_path: Path
) -> None:
    check = look("database", replace(config, database_url=f"sqlite:///{tmp_path}/new.sqlite"))
    assert (check.ok, check.advice) == (False, "Run: autotag init")


def test_a_database_of_an_older_version_has_to_be_set_up(
    look: Callable[[str, Config], Check], config: Config
) -> None:
    engine = build_engine(config.database_url)
    schema.downgrade(engine, "-1")
    engine.dispose()
    assert look("database", config).advice == "Run: autotag init"


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.sqlite", "nonsense", "oracle://host/name"])
def test_a_database_that_cannot_be_reached_is_told(
    look: Callable[[str, Config], Check], config: Config, url: str
) -> None:
    check = look("database", replace(config, database_url=url))
    assert not check.ok
    assert "AUTOTAG_DATABASE_URL" in check.advice
    assert "\n" not in check.detail


@pytest.mark.sqlite
def test_a_damaged_database_is_told(
    look: Callable[[str, Config], Check], config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "autotag.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    path.write_bytes(content)
    assert not look("database", config).ok


@pytest.mark.sqlite
def test_an_sqlite_that_can_corrupt_its_file_is_told(
    look: Callable[[str, Config], Check], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "sqlite_is_safe", lambda: False)
    assert look("database", config).advice == "Install pysqlite3."


def test_a_broker_that_answers_is_told_with_its_jobs(
    look: Callable[[str, Config], Check], broker_config: Config, broker: object
) -> None:
    check = look("broker", broker_config)
    assert (check.ok, check.detail) == (True, "outside server, 0 jobs waiting")


@pytest.mark.parametrize(
    ("outside", "advice"), [(True, "Check AUTOTAG_REDIS_URL."), (False, "It runs with: autotag up")]
)
def test_a_broker_that_is_away_is_told(
    look: Callable[[str, Config], Check], config: Config, outside: bool, advice: str
) -> None:
    check = look("broker", config if outside else replace(config, redis_url=None))
    assert (check.ok, check.advice) == (False, advice)


def test_a_storage_is_tried_and_left_as_it_was(look: Callable[[str, Config], Check], config: Config) -> None:
    assert look("storage", config).ok
    assert [path for path in config.storage_path.rglob("*") if path.is_file()] == []


def test_a_storage_that_cannot_be_written_is_told(
    look: Callable[[str, Config], Check], config: Config, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    check = look("storage", replace(config, storage_path=tmp_path / "file"))
    assert (check.ok, check.advice) == (False, f"Make {tmp_path / 'file'} writable.")


def test_little_space_is_told(
    look: Callable[[str, Config], Check], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LITTLE_SPACE_BYTES", 1 << 60)
    assert "Make space" in look("storage", config).advice


def test_a_model_that_is_not_there_has_to_be_set_up(
    look: Callable[[str, Config], Check], config: Config
) -> None:
    check = look("model", config)
    assert (check.ok, check.advice) == (False, "Run: autotag init")


def test_every_part_is_tried_whatever_became_of_the_others(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", doctor.CHECKS[:3])
    assert [(check.name, check.ok) for check in examine(config)] == [
        ("database", True),
        ("broker", False),
        ("storage", True),
    ]


def test_a_process_that_was_disabled_is_told_with_what_to_do(
    look: Callable[[str, Config], Check], config: Config, sessions: sessionmaker[Session]
) -> None:
    assert look("tensorflow", config).ok
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(ProcessState(id=1, crashes=6, last_reason="Killed.", disabled_at=utc_now()))
    check = look("tensorflow", config)
    assert (check.ok, check.detail) == (False, "process disabled after too many crashes: Killed.")
    assert "Enable it again" in check.advice


def test_without_a_database_the_process_is_not_judged(
    look: Callable[[str, Config], Check], config: Config
) -> None:
    assert not look("tensorflow", replace(config, database_url="sqlite:////nowhere/at/all.sqlite")).ok


def test_who_works_is_told(
    look: Callable[[str, Config], Check], broker_config: Config, broker: Redis
) -> None:
    nobody = look("workers", broker_config)
    assert (nobody.ok, nobody.detail) == (False, "0 alive, 0 scheduler alive")
    assert "autotag worker" in nobody.advice
    beats = [Heartbeat(broker, part, part) for part in Part]
    beats[0].start()
    wait_for(lambda: len(living(broker)) == 1, "the worker's sign")
    assert "autotag scheduler" in look("workers", broker_config).advice
    beats[1].start()
    wait_for(lambda: len(living(broker)) == 2, "the scheduler's sign")
    found = look("workers", broker_config)
    assert (found.ok, found.detail) == (True, "1 alive, 1 scheduler alive")
    for beat in beats:
        beat.stop()


def test_without_a_broker_who_works_is_not_known(
    look: Callable[[str, Config], Check], config: Config
) -> None:
    check = look("workers", config)
    assert (check.ok, check.advice) == (False, "See the broker above.")


def test_documents_in_trouble_are_counted_and_are_no_fault(
    look: Callable[[str, Config], Check], config: Config, make: Factory
) -> None:
    instance = make.instance()
    for state in (TaggingState.FAILED, TaggingState.FAILED, TaggingState.QUARANTINED, TaggingState.TAGGED):
        make.document(instance, tagging_state=state)
    check = look("documents", config)
    assert (check.ok, check.detail) == (True, "0 queued, 0 running, 2 failed, 1 quarantined")
    assert "Operations" in check.advice
    assert not look("documents", replace(config, database_url="sqlite:////nowhere/at/all.sqlite")).ok


def test_stored_keys_that_cannot_be_read_are_named(
    look: Callable[[str, Config], Check], config: Config, sessions: sessionmaker[Session], make: Factory
) -> None:
    assert look("secrets", config).ok
    acme, box = make.instance("acme"), secret_box(config)
    texts = {"api_key": "a key", "confidence_threshold": "0.5", "maximum_number_of_calls": "0"}
    fields = WebhookFields("https://example.com/hook", ["document.tagged"])
    with sessions() as session, unit_of_work(session) as work:
        for place in (Place.of(GOOGLE_CLOUD_VISION), Place.of(GOOGLE_CLOUD_VISION, acme.id)):
            save(work, place, Submission(texts, "eva"), box=box, choices={})
        create_webhook(work, acme.id, fields, box=box, allowed_private_hosts=(), user_id=None, actor="eva")
    assert look("secrets", config).ok
    check = look("secrets", replace(config, secret_key="another"))
    assert not check.ok
    assert check.detail == (
        "cannot be read: Google Cloud Vision Image Auto Tagging, API Key (System Settings); "
        "Google Cloud Vision Image Auto Tagging, API Key (instance acme); "
        "webhook https://example.com/hook (instance acme)"
    )
    assert "AUTOTAG_SECRET_KEY_FALLBACKS" in check.advice
