"""Requests that no page of ours sends: too much, too often, or with fields that are none of the sender's business."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from autotag.config import Config
from autotag.extensions import limiter
from autotag.instances.passwords import choose_password
from autotag.instances.tokens import create_token
from autotag.models import Document, Role, User, VirtualInstance, Webhook
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

PASSWORD = "correct horse battery"
MEGABYTE = 1024 * 1024


class Untouched(io.RawIOBase):
    """A body of 200 MB, of which is counted how much was read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bytes = self._place = 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (200 * MEGABYTE if whence else 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        self.read_bytes += len(buffer)
        buffer[:] = b"a" * len(buffer)
        return len(buffer)


def send_large(client: FlaskClient, path: str, content_type: str, **headers: str) -> tuple[int, int]:
    """Announce 200 MB; return the status and how much of it was read."""
    body = Untouched()
    answer = client.post(
        path,
        input_stream=body,
        content_type=content_type,
        headers=headers,
        base_url="http://acme.localhost/",
    )
    return answer.status_code, body.read_bytes


FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"]


def test_a_stranger_cannot_make_the_server_read_much(app: Flask, acme: VirtualInstance) -> None:
    for path in ("/sign-in", "/documents", "/documents/1/versions", "/folders"):
        for content_type in FORMS:
            status, read = send_large(app.test_client(), path, content_type)
            assert 400 <= status < 500 or status == 303, (path, content_type)
            assert read <= MEGABYTE, (path, content_type)


def test_whoever_is_signed_in_sends_much_as_a_file_only(
    app: Flask, make: Factory, acme: VirtualInstance, sign_in: Callable[..., None]
) -> None:
    client = app.test_client()
    sign_in(client, make.user(acme, Role.ADMINISTRATOR), "acme.localhost")
    for path in ("/folders", "/control-panel/users/add", "/documents/bulk/tags"):
        for content_type in FORMS:
            status, read = send_large(client, path, content_type)
            assert status in (400, 413), (path, content_type)
            assert read <= MEGABYTE, (path, content_type)


@pytest.fixture
def token(make: Factory, acme: VirtualInstance, sessions: sessionmaker[Session]) -> str:
    person = make.user(acme, Role.ADMINISTRATOR)
    with sessions() as session, unit_of_work(session) as work:
        return create_token(work, work.session.merge(person), name="Test", actor="test")[1]


def test_a_program_sends_much_as_a_file_only(app: Flask, acme: VirtualInstance, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/api/v1/runs", "/api/v1/tags", "/api/v1/tags/merge"):
        assert send_large(app.test_client(), path, "application/json", **bearer) == (413, 0), path
    for path in ("/api/v1/documents", "/api/v1/runs"):
        for wrong in ({}, {"Authorization": "Bearer made-up"}):
            assert send_large(app.test_client(), path, "multipart/form-data; boundary=x", **wrong) == (401, 0)


def test_json_that_is_nested_without_end_is_a_bad_request(
    app: Flask, acme: VirtualInstance, token: str
) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 50_000, b'{"title": ' + b"9" * 5000 + b"}"):
        answer = app.test_client().post(
            "/api/v1/tags",
            data=body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
            base_url="http://acme.localhost/",
        )
        assert answer.status_code in (400, 422), answer.text[:200]


@pytest.fixture
def administrator(
    browser: Callable[..., Browser], default_instance: VirtualInstance, acme: VirtualInstance
) -> Browser:
    return browser(acme, Role.ADMINISTRATOR)


def test_more_parts_than_any_form_has_are_refused(administrator: Browser) -> None:
    many = {f"field{number}": "x" for number in range(2000)}
    administrator.post("/folders", {})
    data = many | {"csrf_token": administrator._token, "file": (io.BytesIO(b"x"), "a.txt")}
    answer = administrator.client.post("/documents", data=data, base_url="http://acme.localhost/")
    assert answer.status_code == 413


STRANGE = {
    "id": "1",
    "instance_id": "1",
    "owner_id": "1",
    "user_id": "1",
    "is_active": "",
    "is_default": "1",
    "password_hash": "x",
    "deleted_at": "2020-01-01",
    "sha256": "0" * 64,
    "size": "0",
    "mime_type": "text/html",
    "tagging_state": "tagged",
    "created_by_id": "1",
    "max_users": "1000",
    "secret": "x",
    "secret_sealed": "x",
    "failures": "0",
    "role": "system-administrator",
}
"""Columns of all kinds; none of them is a field of the forms below, but for a role, which is none to give there."""


def test_nobody_is_made_more_than_the_form_offers(administrator: Browser, session: Session) -> None:
    known = set(session.scalars(select(User.id)))
    person = {"email": "new@example.test", "password": PASSWORD, "password_again": PASSWORD}
    refused = administrator.post("/control-panel/users/add", STRANGE | person)
    assert refused.status_code == 422
    allowed = STRANGE | person | {"role": Role.VIEWER}
    assert administrator.post("/control-panel/users/add", allowed).status_code in (200, 303)
    session.rollback()
    (made,) = session.scalars(select(User).where(User.id.not_in(known)))
    assert (made.instance_id, made.role, made.is_active) == (
        administrator.user.instance_id,
        Role.VIEWER,
        True,
    )
    for path in (
        f"/control-panel/users/{made.id}/role",
        f"/control-panel/users/{administrator.user.id}/role",
    ):
        assert administrator.post(path, STRANGE).status_code >= 400
    session.rollback()
    assert {user.role for user in session.scalars(select(User))} == {Role.VIEWER, Role.ADMINISTRATOR}


def test_a_document_keeps_what_its_form_does_not_name(
    administrator: Browser, session: Session, make: Factory, acme: VirtualInstance
) -> None:
    document = make.document(acme, owner_id=administrator.user.id)
    kept = {
        name: getattr(document, name) for name in ("instance_id", "owner_id", "sha256", "size", "mime_type")
    }
    page = administrator.page(f"/documents/{document.id}")
    edition = page.find("input", attrs={"name": "edition"})
    sent = STRANGE | {"title": "Mine", "description": "", "edition": edition["value"] if edition else ""}
    assert administrator.post(f"/documents/{document.id}/edit", sent).status_code == 303
    found = session.get_one(Document, document.id)
    assert found.title == "Mine"
    assert {name: getattr(found, name) for name in kept} == kept
    assert (found.deleted_at, found.tagging_state) == (None, document.tagging_state)


def test_a_webhook_belongs_to_whoever_made_it(administrator: Browser, session: Session) -> None:
    sent = STRANGE | {"address": "https://example.com/hook", "events": "document.tagged"}
    assert administrator.post("/control-panel/webhooks/add", sent).status_code in (200, 303)
    (webhook,) = session.scalars(select(Webhook))
    assert webhook.instance_id == administrator.user.instance_id


def test_the_api_refuses_what_it_does_not_know(
    app: Flask, acme: VirtualInstance, make: Factory, token: str
) -> None:
    number = make.document(acme).id
    for field, value in STRANGE.items():
        answer = app.test_client().patch(
            f"/api/v1/documents/{number}",
            data=json.dumps({"title": "Mine", field: value}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
            base_url="http://acme.localhost/",
        )
        assert answer.status_code == 422, field


@pytest.fixture
def guess(
    app: Flask, quick_hashes: None, make: Factory, acme: VirtualInstance
) -> Iterator[Callable[..., int]]:
    """Tries to sign in, from an address; returns the status."""
    make.user(acme, email="ann@example.test", password_hash=choose_password(PASSWORD).hash)
    app.config["WTF_CSRF_ENABLED"] = False

    def guess(email: str, password: str, address: str) -> int:
        answer: TestResponse = app.test_client().post(
            "/sign-in",
            data={"email": email, "password": password},
            base_url="http://acme.localhost/",
            environ_overrides={"REMOTE_ADDR": address},
        )
        return answer.status_code

    yield guess
    app.config["WTF_CSRF_ENABLED"] = True


def test_guesses_from_one_address_end_whatever_the_account(guess: Callable[..., int]) -> None:
    tried = [guess(f"person{number}@example.test", "wrong", "192.0.2.1") for number in range(12)]
    assert tried == [422] * 10 + [429] * 2
    assert guess("ann@example.test", PASSWORD, "192.0.2.1") == 429
    assert guess("ann@example.test", PASSWORD, "192.0.2.2") == 303


def test_guesses_of_one_account_end_whatever_the_address_and_its_spelling(guess: Callable[..., int]) -> None:
    spelled = ["ann@example.test", "ANN@example.test", " ann@example.test "]
    tried = [guess(spelled[number % 3], f"wrong {number}", f"192.0.2.{number}") for number in range(12)]
    assert tried == [422] * 10 + [429] * 2
    assert guess("ann@example.test", PASSWORD, "198.51.100.1") == 429
    assert guess("eva@example.test", "wrong", "198.51.100.1") == 422


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        ([f"2001:db8:0:1::{number:x}" for number in range(12)], 429),
        ([f"2001:db8:0:{number:x}::1" for number in range(12)], 422),
        ([f"::ffff:192.0.2.{number}" for number in range(12)], 422),
        (["::ffff:192.0.2.1", "192.0.2.1"] * 6, 429),
    ],
    ids=["one network", "many networks", "mapped, many", "mapped, one"],
)
def test_addresses_of_one_ipv6_network_count_together(
    guess: Callable[..., int], addresses: list[str], last: int
) -> None:
    tried = [guess(f"person{number}@example.test", "wrong", one) for number, one in enumerate(addresses)]
    assert tried == [422] * 10 + [last] * 2


def test_guesses_are_counted_in_the_broker_for_all_web_servers_and_across_a_restart(
    config: Config,
    build_app: Callable[[Config], Flask],
    broker_socket: Path,
    broker: Redis,
    acme: VirtualInstance,
    quick_hashes: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiter, "_storage_dead", False)

    def guess() -> int:
        app = build_app(replace(config, redis_url=f"unix://{broker_socket}"))
        app.config["WTF_CSRF_ENABLED"] = False
        sent = {"email": "ann@example.test", "password": "wrong"}
        return app.test_client().post("/sign-in", data=sent, base_url="http://acme.localhost/").status_code

    assert [guess() for _ in range(12)] == [422] * 10 + [429] * 2
    assert broker.keys("LIMITS*")


def test_an_address_cannot_be_made_up(guess: Callable[..., int], app: Flask) -> None:
    """Without servers in front, what a header says of the sender is not believed."""
    for number in range(12):
        answer = app.test_client().post(
            "/sign-in",
            data={"email": f"person{number}@example.test", "password": "wrong"},
            base_url="http://acme.localhost/",
            headers=dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "Forwarded"), f"192.0.2.{number}"),
        )
    assert answer.status_code == 429


BELIEVED_BY_SOME = [
    {"X-Forwarded-Host": "evil.net"},
    {"X-Host": "evil.net", "X-Forwarded-Server": "evil.net", "Forwarded": "host=evil.net"},
    {"X-Original-URL": "/control-panel", "X-Rewrite-URL": "/control-panel"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil"},
]


def test_headers_that_some_servers_believe_change_nothing(administrator: Browser) -> None:
    for headers in BELIEVED_BY_SOME:
        answer = administrator.client.get("/", base_url="http://acme.localhost/", headers=headers)
        assert (answer.status_code, answer.location) == (302, "/documents")
        page = administrator.client.get("/documents", base_url="http://acme.localhost/", headers=headers)
        assert "evil" not in page.text


def test_a_session_that_was_planted_is_not_the_one_after_signing_in(
    guess: Callable[..., int], app: Flask
) -> None:
    client = app.test_client()
    host = "http://acme.localhost/"
    client.get("/sign-in", base_url=host)
    planted = client.get_cookie("autotag", domain="acme.localhost")
    client.post("/sign-in", data={"email": "ann@example.test", "password": PASSWORD}, base_url=host)
    own = client.get_cookie("autotag", domain="acme.localhost")
    assert own is not None
    assert client.get("/documents", base_url=host).status_code == 200
    other = app.test_client()
    if planted is not None:
        assert planted.value != own.value
        other.set_cookie("autotag", planted.value, domain="acme.localhost")
    assert other.get("/documents", base_url=host).status_code == 303
