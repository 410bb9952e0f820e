import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.security import generate_password_hash

from autotag.blueprints.access import PUBLIC, RULE
from autotag.blueprints.sign_in_steps import PASSWORD_PAGES
from autotag.instances import passwords
from autotag.models import Role, User, UserSession, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def password_hash() -> str:
    """As ours, but quick to check: a hash carries its own cost."""
    return generate_password_hash(PASSWORD, method="scrypt:1024:8:1")


@pytest.fixture
def ann(make: Factory, default_instance: VirtualInstance, password_hash: str) -> User:
    return make.user(default_instance, Role.EDITOR, email="ann@example.test", password_hash=password_hash)


def token_of(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def send_sign_in(client: FlaskClient, password: str = PASSWORD, next_path: str = "") -> int:
    data = {
        "csrf_token": token_of(client, "/sign-in"),
        "email": "ann@example.test",
        "password": password,
    }
    return client.post("/sign-in", query_string={"next": next_path}, data=data).status_code


@pytest.fixture
def newcomer(make: Factory, default_instance: VirtualInstance, password_hash: str) -> User:
    values = {"email": "ann@example.test", "password_hash": password_hash, "must_change_password": True}
    return make.user(default_instance, Role.SYSTEM_ADMINISTRATOR, **values)


def test_a_generated_password_opens_nothing_but_the_page_that_replaces_it(
    app: Flask, client: FlaskClient, newcomer: User
) -> None:
    assert send_sign_in(client) == 303
    csrf_token = token_of(client, "/account")
    for rule in app.url_map.iter_rules():
        open_to_all = getattr(app.view_functions[rule.endpoint], RULE, PUBLIC) == PUBLIC
        if open_to_all or rule.endpoint.startswith("api.") or rule.endpoint in PASSWORD_PAGES:
            continue
        path = re.sub(r"<[^>]+>", "4711", rule.rule)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = client.open(path, method=method, data={"csrf_token": csrf_token})
            assert (answer.status_code, answer.headers["Location"]) == (303, "/account"), rule
    answer = client.get("/documents", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (403, "password_change_required")  # type: ignore[index]
    page = client.get("/account").text
    assert "Choose a password" in page
    assert "API tokens" not in page
    new = {"current": PASSWORD, "password": "another horse", "again": "another horse"}
    answer = client.post("/account/password", data=new | {"csrf_token": csrf_token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/documents")
    assert client.get("/documents").status_code == 200


def test_the_hash_of_a_password_is_renewed_at_the_sign_in(
    client: FlaskClient, make: Factory, default_instance: VirtualInstance, session: Session
) -> None:
    older = generate_password_hash(PASSWORD, method="scrypt:256:8:1")
    make.user(default_instance, email="ann@example.test", password_hash=older)
    assert send_sign_in(client, "wrong password") == 422
    assert session.scalars(select(User.password_hash)).one() == older
    session.rollback()
    assert send_sign_in(client) == 303
    assert session.scalars(select(User.password_hash)).one().startswith("scrypt:1024:8:1$")
    client.delete_cookie("autotag")
    assert send_sign_in(client) == 303


def test_too_many_sign_ins_at_once_are_told_to_come_back(
    client: FlaskClient, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_slots", passwords._Slots(0, 0, 0.1))
    data = {"csrf_token": token_of(client, "/sign-in"), "email": ann.email, "password": PASSWORD}
    answer = client.post("/sign-in", data=data)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "The server is busy" in answer.text


def cookie_token(client: FlaskClient) -> str | None:
    with client.session_transaction() as cookie:
        token: str | None = cookie.get("_user_id")
    return token


def test_the_right_password_opens_the_pages(client: FlaskClient, ann: User) -> None:
    assert client.get("/documents").status_code == 303
    assert send_sign_in(client) == 303
    assert client.get("/documents").status_code == 200


def test_a_wrong_password_opens_nothing(client: FlaskClient, ann: User) -> None:
    assert send_sign_in(client, "wrong password") == 422
    assert client.get("/documents").status_code == 303


def test_the_cookie_holds_a_token_that_the_database_does_not(
    client: FlaskClient, ann: User, session: Session
) -> None:
    send_sign_in(client)
    token = cookie_token(client)
    assert token
    stored = session.scalars(select(UserSession.token_sha256)).one()
    assert token != stored


def test_whatever_the_cookie_held_before_is_dropped(client: FlaskClient, ann: User) -> None:
    """Otherwise somebody could plant a session in a browser and share it after the sign-in."""
    with client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    send_sign_in(client)
    with client.session_transaction() as cookie:
        assert "planted" not in cookie


def test_signing_out_ends_the_session_on_the_server(client: FlaskClient, ann: User, session: Session) -> None:
    send_sign_in(client)
    token = cookie_token(client)
    answer = client.post("/sign-out", data={"csrf_token": token_of(client, "/documents")})
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert session.scalars(select(UserSession)).all() == []
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    assert client.get("/documents").status_code == 303


@pytest.fixture
def signed_in(client: FlaskClient, ann: User, sign_in: Callable[..., None]) -> FlaskClient:
    sign_in(client, ann)
    assert client.get("/documents").status_code == 200
    return client


@pytest.mark.parametrize(
    "statement",
    [
        delete(UserSession),
        update(User).values(is_active=False),
        update(UserSession).values(last_seen_at=utc_now() - timedelta(days=15)),
        update(UserSession).values(created_at=utc_now() - timedelta(days=61)),
    ],
    ids=["ended", "inactive", "idle", "old"],
)
def test_what_ends_a_session_counts_from_the_next_request(
    signed_in: FlaskClient, sessions: sessionmaker[Session], statement: object
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(statement)  # type: ignore[call-overload]
    assert signed_in.get("/documents").status_code == 303


def test_a_role_counts_from_the_next_request(signed_in: FlaskClient, sessions: sessionmaker[Session]) -> None:
    token = token_of(signed_in, "/documents")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(User).values(role=Role.VIEWER))
    assert signed_in.post("/documents", data={"csrf_token": token}).status_code == 403


@pytest.mark.parametrize(("age", "touched"), [(timedelta(minutes=50), False), (timedelta(minutes=70), True)])
def test_use_is_noted_about_once_an_hour(
    signed_in: FlaskClient, sessions: sessionmaker[Session], age: timedelta, touched: bool
) -> None:
    before = utc_now() - age
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(UserSession).values(last_seen_at=before))
    assert signed_in.get("/documents").status_code == 200
    with sessions() as session:
        seen = session.scalars(select(UserSession.last_seen_at)).one()
    assert (seen > before) is touched


@pytest.mark.parametrize("value", ["guess", "", "a" * 500, "\u00e9"])
def test_a_made_up_token_is_nobody(
    client: FlaskClient, ann: User, default_instance: VirtualInstance, value: str
) -> None:
    with client.session_transaction() as cookie:
        cookie["_user_id"] = value
    assert client.get("/documents").status_code == 303


def test_a_token_of_the_wrong_kind_is_nobody(
    client: FlaskClient, ann: User, default_instance: VirtualInstance
) -> None:
    client.set_cookie("autotag", "no signature")
    assert client.get("/documents").status_code == 303
