"""The API on PostgreSQL: what its own rules make different there, such as large numbers, NUL and two at once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from autotag import create_app
from autotag.config import Config
from autotag.extensions import db
from autotag.instances.tokens import create_token
from autotag.models import Document, Role, User, VirtualInstance, schema
from autotag.models.engine import build_engine
from autotag.models.unit_of_work import unit_of_work

pytestmark = pytest.mark.postgresql


@pytest.fixture
def sessions(postgresql_url: str) -> Iterator[sessionmaker[Session]]:
    engine = build_engine(postgresql_url)
    schema.upgrade(engine)
    yield sessionmaker(engine, expire_on_commit=False)
    engine.dispose()


@pytest.fixture
def token(sessions: sessionmaker[Session]) -> str:
    with sessions() as session, unit_of_work(session) as work:
        instance = VirtualInstance(web_id="default", virtual_host="localhost")
        work.session.add(instance)
        work.session.flush()
        user = User(instance_id=instance.id, email="eva@example.test", password_hash="none", role=Role.EDITOR)
        work.session.add(user)
        work.session.flush()
        return create_token(work, user, name="Test", actor="test")[1]


@pytest.fixture
def app(postgresql_url: str, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(
        Config(
            instance_path=tmp_path,
            database_url=postgresql_url,
            redis_url=f"unix://{tmp_path / 'nobody.sock'}",
            storage_path=tmp_path / "files",
            secret_key="only for tests",
            admin_email="admin@localhost",
        )
    )
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions["autotag"].queue.connection.close()


def call(app: Flask, token: str, method: str, path: str, **options: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
    return app.test_client().open(f"/api/v1{path}", method=method, headers=headers, buffered=True, **options)


def upload(app: Flask, token: str, key: str, content: bytes = b"abc", **fields: str) -> TestResponse:
    data = {"file": (io.BytesIO(content), "a.txt")} | fields
    return call(app, token, "POST", "/documents", data=data, headers={"Idempotency-Key": key})


def test_uploads_with_one_key_at_once_are_one_document(
    app: Flask, token: str, sessions: sessionmaker[Session]
) -> None:
    barrier, answers = Barrier(4), []

    def send() -> None:
        barrier.wait()
        answers.append(upload(app, token, "import-1", tags="sea"))

    threads = [Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 3
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Document)) == 1
    assert upload(app, token, "import-1", b"other").status_code == 409


def test_what_postgresql_would_not_take_is_answered_all_the_same(app: Flask, token: str) -> None:
    assert upload(app, token, "1", tags="sea", title="A\x00title").status_code == 201
    for number in (0, 2**31, 2**63 - 1, 2**63, 10**30):
        for path in (f"/documents/{number}", f"/tags/{number}", f"/runs/{number}"):
            assert call(app, token, "GET", path).status_code == 404, path
        assert call(app, token, "DELETE", f"/documents/{number}/tags/x").status_code == 404
        assert call(app, token, "POST", f"/documents/{number}/untag").status_code == 404
    for query in ("q=a%00b", "tag=a%00b", "sort=name&q=%00"):
        assert call(app, token, "GET", f"/documents?{query}").status_code == 200, query
    assert call(app, token, "GET", "/tags?q=%00").status_code == 200
    assert call(app, token, "DELETE", "/documents/1/tags/a%00b").status_code == 404


def test_the_list_leads_on(app: Flask, token: str) -> None:
    for number in range(3):
        assert upload(app, token, str(number), b"%d" % number).status_code == 201
    first = call(app, token, "GET", "/documents?limit=2&sort=name").json
    assert first is not None
    second = call(app, token, "GET", f"/documents?limit=2&sort=name&cursor={first['next_cursor']}").json
    assert second is not None
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)
