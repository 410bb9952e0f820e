"""Somebody holds the database for long: readers disturb nobody; behind a writer people are told to try again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.config import Config
from autotag.models import Document, Role, User, UserSession, engine
from autotag.models.base import utc_now
from autotag.models.engine import sqlite_module
from autotag.models.unit_of_work import unit_of_work
from tests.faults.invariants import assert_sound
from tests.faults.site import Site, database_url
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits fifteen seconds here."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MILLISECONDS", 50)


@contextmanager
def held(url: str, begin: str) -> Iterator[None]:
    """Hold the database as another program may, reading or writing."""
    connection = sqlite_module().connect(url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        connection.execute(begin)
        connection.execute("SELECT count(*) FROM document").fetchall()
        yield
    finally:
        connection.rollback()
        connection.close()


@pytest.fixture
def person(
    build_app: Callable[[Config], Flask],
    config: Config,
    make: Factory,
    sign_in: Callable[[FlaskClient, User, str], None],
) -> Browser:
    acme = make.instance("acme")
    user = make.user(acme, Role.EDITOR)
    client = build_app(config).test_client()
    sign_in(client, user, "acme.localhost")
    browser = Browser(client, user, "acme.localhost")
    browser.post("/documents")  # fetches the form's token
    return browser


def send(person: Browser, content: bytes, *, script: bool = True) -> tuple[int, str, str | None]:
    data = {"csrf_token": person._token, "file": (BytesIO(content), "a.bin")}
    answer = person.client.post(
        "/documents", data=data, base_url=f"http://{person.host}/", headers=JSON if script else {}
    )
    return answer.status_code, answer.text, answer.headers.get("Retry-After")


def documents(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return len(session.scalars(select(Document.id)).all())


@pytest.mark.sqlite
def test_a_long_reader_holds_nobody_up(
    person: Browser, config: Config, sessions: sessionmaker[Session]
) -> None:
    with held(config.database_url, "BEGIN"):
        assert send(person, b"one")[0] == 201
        assert person.get("/documents").status_code == 200
    assert documents(sessions) == 1


@pytest.mark.sqlite
def test_behind_a_long_writer_pages_are_shown_and_uploads_are_to_be_sent_again(
    person: Browser, config: Config, sessions: sessionmaker[Session]
) -> None:
    with held(config.database_url, "BEGIN IMMEDIATE"):
        status, said, retry = send(person, b"one")
        assert (status, retry) == (503, "5")
        assert "Nothing was changed. Try again in a moment." in said
        status, said, retry = send(person, b"one", script=False)
        assert (status, retry) == (503, "5")
        assert "Try again in a moment" in said
        assert person.get("/documents").status_code == 200
    assert documents(sessions) == 0
    assert send(person, b"one")[0] == 201
    assert documents(sessions) == 1


@pytest.mark.sqlite
def test_a_session_that_has_to_be_renewed_shows_pages_behind_a_long_writer(
    person: Browser, config: Config, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(UserSession).values(last_seen_at=utc_now() - timedelta(hours=2)))
    with held(config.database_url, "BEGIN IMMEDIATE"):
        assert person.get("/documents").status_code == 200
    person.get("/documents")
    with sessions() as session:
        assert utc_now() - session.scalars(select(UserSession.last_seen_at)).one() < timedelta(hours=1)


@pytest.mark.sqlite
def test_an_upload_that_is_committed_is_acknowledged_though_the_broker_is_away_and_the_database_busy(
    person: Browser, config: Config, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it could not be handed over is noted after the commit, which may fail: it is only a note."""
    queue = person.client.application.extensions["autotag"].queue
    writer = held(config.database_url, "BEGIN IMMEDIATE")

    def be_away(*_: object, **__: object) -> bool:
        writer.__enter__()
        return False

    monkeypatch.setattr(queue, "enqueue", be_away)
    try:
        assert send(person, b"one")[0] == 201
    finally:
        writer.__exit__(None, None, None)
    assert documents(sessions) == 1


@pytest.fixture
def busy_site(tmp_path: Path, site: Site) -> Iterator[Site]:
    """A site whose own connections are impatient: the fixture made them before."""
    site.close()
    mine = Site(site.folder, site.broker)
    yield mine
    mine.close()


def test_a_worker_and_a_scheduler_behind_a_long_writer_lose_nothing(busy_site: Site) -> None:
    site = busy_site
    site.upload("one")
    site.upload("two")
    with held(database_url(site.folder), "BEGIN IMMEDIATE"):
        with capture_logs() as logs:
            site.work()  # the jobs are over, as the log says; the documents still wait
        assert "tagging cut short" in [line["event"] for line in logs]
        assert {site.document(name).tagging_state for name in ("one", "two")} == {"queued"}
        site.tend()  # nothing is due, so nothing is written
    site.restart()
    assert {site.document(name).tagging_state for name in ("one", "two")} == {"tagged"}
    assert_sound(site.sessions.kw["bind"], site.files)


def test_a_broker_that_is_flushed_empty_costs_nothing_but_time(site: Site) -> None:
    for name in ("one", "two", "three"):
        site.upload(name)
    site.broker.flushall()
    assert site.work() == 0
    site.restart()
    assert {site.document(name).tagging_state for name in ("one", "two", "three")} == {"tagged"}
    assert_sound(site.sessions.kw["bind"], site.files)
