"""What concerns security stands in the log and in the audit trail, and nothing in it commands a terminal."""

import logging
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from autotag.config import LogFormat
from autotag.control_characters import has_control_characters
from autotag.instances.passwords import choose_password
from autotag.models import AuditEvent, Role, User, VirtualInstance
from autotag.observability import configure_logging
from tests.conftest import counted_statements
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Logging as the web server has it."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    configure_logging(LogFormat.CONSOLE, lasting=False)
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def ann(default_instance: VirtualInstance, make: Factory, quick_hashes: None) -> User:
    return make.user(default_instance, email="ann@example.test", password_hash=choose_password(PASSWORD).hash)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def sign_in(client: FlaskClient, email: str, password: str) -> int:
    return client.post(
        "/sign-in", data={"email": email, "password": password}, headers={"User-Agent": FIREFOX}
    ).status_code


def line(capsys: pytest.CaptureFixture[str], event: str) -> str:
    """The one line of an event, without what every line has."""
    (found,) = [written for written in capsys.readouterr().err.splitlines() if f'event="{event}"' in written]
    return found.partition(" instance=")[2]


def trail(session: Session) -> list[tuple[str, str]]:
    session.rollback()
    rows = session.execute(select(AuditEvent.action, AuditEvent.subject).order_by(AuditEvent.id))
    return [(row.action, row.subject) for row in rows]


def test_signing_in_and_out_is_logged_and_stands_in_the_trail(
    client: FlaskClient, ann: User, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    who = f"default account={ann.email} user_id={ann.id} address=127.0.0.1"
    assert sign_in(client, ann.email, "wrong") == 422
    assert line(capsys, "sign-in failed") == who
    assert sign_in(client, ann.email, PASSWORD) == 303
    assert line(capsys, "signed in") == who
    sent = {"current": "wrong", "password": "another horse", "again": "another horse"}
    assert client.post("/account/password", data=sent).status_code == 422
    assert line(capsys, "wrong current password") == who
    client.post("/sign-out")
    assert line(capsys, "signed out") == who
    assert trail(session) == [
        (action, ann.email)
        for action in ("sign-in failed", "signed in", "wrong current password", "signed out")
    ]
    changes = session.scalars(select(AuditEvent.changes)).first()
    assert changes == [["Address", "", "127.0.0.1"], ["Browser", "", "Firefox on Linux"]]


def test_a_failed_one_costs_the_same_whether_or_not_there_is_an_account(
    client: FlaskClient, ann: User, engine: Engine, app: Flask
) -> None:
    from autotag.extensions import db

    with app.app_context():
        used = db.engine
    sent = []
    for email in (ann.email, "nobody@example.test"):
        with counted_statements(used) as statements:
            assert sign_in(client, email, "wrong") == 422
        sent.append(list(statements))
    assert sent[0] == sent[1]
    assert any("INSERT INTO audit_event" in statement for statement in sent[0])


def test_a_password_in_the_wrong_field_is_written_nowhere(
    client: FlaskClient, ann: User, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign_in(client, "my secret password", "x") == 422
    assert "secret" not in line(capsys, "sign-in failed")
    assert trail(session) == [("unknown account tried", "")]
    assert sign_in(client, "nobody@example.test", "x") == 422
    assert "account=nobody@example.test" in line(capsys, "sign-in failed")


def test_what_is_forbidden_is_logged_with_who_asked(
    browser: Callable[..., Browser], acme: VirtualInstance, ann: User, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer = browser(acme, Role.VIEWER)
    assert viewer.get("/control-panel/users").status_code == 403
    written = line(capsys, "request refused")
    assert written.startswith("acme status=403 method=GET path=/control-panel/users endpoint=users.index")
    assert written.endswith(f"account={viewer.user.email} user_id={viewer.user.id} address=127.0.0.1")


def test_a_request_over_the_limit_is_logged_with_the_account_that_was_tried(
    client: FlaskClient, ann: User, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = [sign_in(client, ann.email, "wrong") for _ in range(11)]
    assert statuses[-1] == 429
    written = line(capsys, "request refused")
    assert "status=429" in written
    assert f"account={ann.email} user_id= address=127.0.0.1" in written


def test_a_forged_request_and_an_invalid_token_are_logged(
    app: Flask, ann: User, capsys: pytest.CaptureFixture[str]
) -> None:
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/sign-in", data={"email": ann.email}).status_code == 400
    assert "status=400" in line(capsys, "request refused")
    answer = client.get("/api/v1/documents", headers={"Authorization": "Bearer autotag_wrong"})
    assert answer.status_code == 401
    written = line(capsys, "request refused")
    assert "status=401" in written
    assert "autotag_wrong" not in written


HOSTILE = "x\x1b]0;title\x07\x9b2J\x7f\x85\u2028\u202egpj"


def test_no_field_that_a_caller_chooses_commands_a_terminal(
    browser: Callable[..., Browser],
    acme: VirtualInstance,
    ann: User,
    capsys: pytest.CaptureFixture[str],
) -> None:
    administrator = browser(acme, Role.ADMINISTRATOR)
    client, base = administrator.client, f"http://{administrator.host}/"
    sendable = HOSTILE.replace("\u2028", "").replace("\u202e", "")
    headers = {
        "User-Agent": sendable,
        "X-Request-ID": sendable,
        "X-Forwarded-For": sendable,
        "Referer": sendable,
        "Accept-Language": sendable,
        "Authorization": f"Bearer {sendable}",
    }
    client.get(f"/{HOSTILE}", base_url=base, headers=headers)
    client.get("/", headers=headers | {"Host": f"{sendable}.localhost"})
    client.get(f"/documents?q={HOSTILE}", base_url=base, headers=headers)
    client.get(f"/api/v1/{HOSTILE}", base_url=base, headers=headers)
    administrator.post("/documents", {"file": (BytesIO(b"a"), f"{HOSTILE}.png"), "tags": HOSTILE})
    administrator.post("/tags", {"name": HOSTILE})
    administrator.post("/folders", {"name": HOSTILE})
    administrator.post("/control-panel/users", {"email": f"{HOSTILE}@x.test", "role": "viewer"})
    administrator.post("/control-panel/webhooks", {"address": f"https://x.test/{HOSTILE}"})
    administrator.post("/sign-out")
    administrator._token = ""
    client.post("/sign-in", data={"email": f"{HOSTILE}@x.test", "password": HOSTILE}, base_url=base)
    written = capsys.readouterr().err
    assert "\\u001b" in written
    assert written.count("event=request ") >= 10
    assert not has_control_characters(written.replace("\n", ""))
