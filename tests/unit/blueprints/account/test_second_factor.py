"""The second factor at the pages: set up, asked for, required, replaced, turned off, reset."""

import re
import time
from collections.abc import Callable

import pyotp
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from autotag.blueprints.access import PUBLIC, RULE
from autotag.blueprints.sign_in_steps import SECOND_FACTOR_PAGES
from autotag.cli import group
from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.configuration.entries import SIGN_IN
from autotag.configuration.store import Place, Submission, save
from autotag.instances import second_factor
from autotag.instances.passwords import choose_password
from autotag.instances.people import set_password
from autotag.instances.tokens import create_token
from autotag.models import AuditEvent, Role, User, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

PAGE = "/account/second-factor"
PASSWORD = "correct horse"
HOST = "http://acme.localhost/"
EMAIL = "eva@acme.example"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The time by which codes are checked; steps of it pass when told."""
    now = [time.time()]
    monkeypatch.setattr(second_factor, "_now", lambda: now[0])

    def advance(seconds: int) -> None:
        now[0] += seconds

    return advance


@pytest.fixture
def user(make: Factory, acme: VirtualInstance) -> User:
    values = {"email": EMAIL, "password_hash": choose_password(PASSWORD).hash}
    return make.user(acme, Role.ADMINISTRATOR, **values)


@pytest.fixture
def eva(browser: Callable[..., Browser], acme: VirtualInstance, user: User) -> Browser:
    return browser(acme, user=user)


class App:
    """An authenticator app, which has read the key from the page."""

    def __init__(self, person: Browser) -> None:
        key = person.page(PAGE).find("code", class_="factor-key").text
        self.secret = key.replace(" ", "")

    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(int(second_factor._now()))


@pytest.fixture
def on(eva: Browser, clock: Callable[[int], None]) -> App:
    """The second factor is on; `codes` are the recovery codes that the page showed."""
    app = App(eva)
    answer = eva.post(f"{PAGE}/set-up", {"current": PASSWORD, "code": app.code()})
    assert answer.status_code == 303, answer.text
    clock(60)
    return app


@pytest.fixture
def codes(eva: Browser, on: App) -> list[str]:
    return [each.text for each in eva.page(PAGE).select(".recovery-codes code")]


@pytest.fixture
def send(app: Flask) -> Callable[..., TestResponse]:
    """Sends a form from a browser that may not be signed in."""
    app.config["WTF_CSRF_ENABLED"] = False

    def send(client: FlaskClient, path: str, **data: str) -> TestResponse:
        return client.post(path, data=data, base_url=HOST)

    return send


@pytest.fixture
def sign_in_with(app: Flask, send: Callable[..., TestResponse]) -> Callable[..., FlaskClient]:
    """Gives the password in a new browser."""

    def sign_in_with(password: str = PASSWORD) -> FlaskClient:
        client = app.test_client()
        send(client, "/sign-in?next=/tags", email=EMAIL, password=password)
        return client

    return sign_in_with


def is_in(client: FlaskClient) -> bool:
    return client.get("/documents", base_url=HOST).status_code == 200


def test_it_is_set_up_with_a_code_and_the_password(eva: Browser, clock: object) -> None:
    page = eva.page(PAGE)
    assert page.find("svg") is not None
    app = App(eva)
    assert App(eva).secret == app.secret
    for sent, field in (
        ({"current": "wrong password", "code": app.code()}, "current"),
        ({"current": PASSWORD, "code": "abc"}, "code"),
        ({"current": PASSWORD, "code": ""}, "code"),
    ):
        answer = eva.post(f"{PAGE}/set-up", sent)
        assert answer.status_code == 422
        assert parsed(answer).find(id=f"{field}-error") is not None
        assert PASSWORD not in answer.text
    assert eva.post(f"{PAGE}/set-up", {"current": PASSWORD, "code": app.code()}).status_code == 303
    shown = eva.page(PAGE)
    assert len(shown.select(".recovery-codes code")) == 10
    assert not eva.page(PAGE).select(".recovery-codes code")
    assert app.secret not in str(eva.page(PAGE))


def test_recovery_codes_are_downloaded_from_the_page_that_shows_them(eva: Browser, on: App) -> None:
    page = eva.page(PAGE)
    shown = [each.text for each in page.select(".recovery-codes code")]
    sealed = page.find("input", attrs={"name": "codes"})["value"]
    answer = eva.post(f"{PAGE}/recovery-codes/download", {"codes": sealed})
    assert answer.mimetype == "text/plain"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.text.split()[-10:] == shown
    assert not [code for code in shown if code in sealed]


@pytest.mark.parametrize("sealed", ["", "made up", "00000000:AAAA"])
def test_codes_that_were_not_shown_are_not_sent(eva: Browser, sealed: str) -> None:
    assert eva.post(f"{PAGE}/recovery-codes/download", {"codes": sealed}).status_code == 400


def test_another_person_cannot_read_what_a_page_sealed(
    eva: Browser, on: App, browser: Callable[..., Browser], acme: VirtualInstance
) -> None:
    sealed = eva.page(PAGE).find("input", attrs={"name": "codes"})["value"]
    answer = browser(acme).post(f"{PAGE}/recovery-codes/download", {"codes": sealed})
    assert answer.status_code == 400


def test_the_password_alone_opens_nothing(
    on: App, sign_in_with: Callable[..., FlaskClient], send: Callable[..., TestResponse]
) -> None:
    client = sign_in_with()
    assert not is_in(client)
    assert "Enter a code" in client.get("/sign-in/code", base_url=HOST).text
    assert send(client, "/sign-in/code", code="000000").status_code == 422
    assert not is_in(client)
    answer = send(client, "/sign-in/code?next=/tags", code=on.code())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tags")
    assert is_in(client)


def test_a_code_opens_one_session_only(
    on: App, sign_in_with: Callable[..., FlaskClient], send: Callable[..., TestResponse]
) -> None:
    first, second, code = sign_in_with(), sign_in_with(), on.code()
    assert send(first, "/sign-in/code", code=code).status_code == 303
    assert send(second, "/sign-in/code", code=code).status_code == 422
    assert not is_in(second)


def test_a_recovery_code_opens_one_session_only(
    codes: list[str], sign_in_with: Callable[..., FlaskClient], send: Callable[..., TestResponse]
) -> None:
    first, second = sign_in_with(), sign_in_with()
    assert send(first, "/sign-in/code", code=codes[3]).status_code == 303
    assert is_in(first)
    assert send(second, "/sign-in/code", code=codes[3]).status_code == 422


def test_a_code_without_the_password_opens_nothing(
    on: App, app: Flask, sign_in_with: Callable[..., FlaskClient], send: Callable[..., TestResponse]
) -> None:
    for client in (app.test_client(), sign_in_with("wrong password")):
        answer = send(client, "/sign-in/code", code=on.code())
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
        assert not is_in(client)


@pytest.mark.parametrize("what", ["late", "new password", "deactivated", "reset"])
def test_what_the_password_began_ends_with(
    what: str,
    on: App,
    user: User,
    sessions: sessionmaker[Session],
    sign_in_with: Callable[..., FlaskClient],
    send: Callable[..., TestResponse],
) -> None:
    client = sign_in_with()
    with sessions() as session, unit_of_work(session) as work:
        person = work.session.get_one(User, user.id)
        if what == "new password":
            set_password(work, person, choose_password("another horse"), actor="boss")
        elif what == "deactivated":
            person.is_active = False
        elif what == "reset":
            second_factor.remove(work, person, actor="boss")
    if what == "late":
        with client.session_transaction(base_url=HOST) as cookie:
            cookie["signing_in"] = [cookie["signing_in"][0], int(time.time()) - 700, cookie["signing_in"][2]]
    assert send(client, "/sign-in/code", code=on.code()).status_code == 303
    assert not is_in(client)


def test_guesses_of_a_code_end_whatever_the_address(
    on: App, app: Flask, sign_in_with: Callable[..., FlaskClient]
) -> None:
    client = sign_in_with()
    tried = [
        client.post(
            "/sign-in/code",
            data={"code": f"{number:06}"},
            base_url=HOST,
            environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
        ).status_code
        for number in range(7)
    ]
    assert tried == [422] * 5 + [429] * 2


@pytest.mark.parametrize("act", ["turn-off", "recovery-codes"])
def test_a_stolen_session_changes_no_second_factor(
    eva: Browser, on: App, codes: list[str], act: str, session: Session
) -> None:
    for sent in (
        {"current": "wrong password", "code": on.code()},
        {"current": PASSWORD, "code": "000000"},
        {"current": PASSWORD, "code": ""},
        {"current": "", "code": on.code()},
    ):
        assert eva.post(f"{PAGE}/{act}", sent).status_code == 422
    assert session.scalars(select(User.totp_secret).where(User.email == EMAIL)).one() is not None
    assert eva.post(f"{PAGE}/{act}", {"current": PASSWORD, "code": codes[0]}).status_code == 303
    session.rollback()
    stored = session.scalars(select(User.totp_secret).where(User.email == EMAIL)).one()
    assert (stored is None) is (act == "turn-off")


def test_tokens_go_on(
    app: Flask, on: App, user: User, sessions: sessionmaker[Session], require: Callable[[], None]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        _, token = create_token(work, work.session.merge(user), name="Import", actor="test")
    require()
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/v1/tags", base_url=HOST, headers=headers).status_code == 200


@pytest.fixture
def require(acme: VirtualInstance, sessions: sessionmaker[Session], config: Config) -> Callable[[], None]:
    """Requires a second factor in the instance."""

    def require() -> None:
        texts = {"maximum_token_lifetime": "365", "require_second_factor": "true"}
        with sessions() as session, unit_of_work(session) as work:
            place = Place.of(SIGN_IN, acme.id)
            save(work, place, Submission(texts, "boss"), box=secret_box(config), choices={})

    return require


def test_where_it_is_required_nothing_else_answers_before_it_is_set_up(
    app: Flask, eva: Browser, require: Callable[[], None], clock: object, make: Factory
) -> None:
    eva.post("/folders")
    require()
    # As if the seconds had passed for which a web server goes by what it read.
    app.extensions.pop("autotag_second_factor")
    for rule in app.url_map.iter_rules():
        open_to_all = getattr(app.view_functions[rule.endpoint], RULE, PUBLIC) == PUBLIC
        if open_to_all or rule.endpoint.startswith("api.") or rule.endpoint in SECOND_FACTOR_PAGES:
            continue
        path = re.sub(r"<[^>]+>", "4711", rule.rule)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = eva.get(path) if method == "GET" else eva.post(path)
            assert (answer.status_code, answer.headers.get("Location")) == (303, PAGE), rule
    assert "This site requires a second factor" in said(eva.page(PAGE))
    known = App(eva)
    assert eva.post(f"{PAGE}/set-up", {"current": PASSWORD, "code": known.code()}).status_code == 303
    assert eva.get("/documents").status_code == 200


def test_another_instance_does_not_require_it(
    eva: Browser, require: Callable[[], None], browser: Callable[..., Browser], make: Factory
) -> None:
    require()
    assert browser(make.instance("globex")).get("/documents").status_code == 200


def test_an_administrator_resets_it(
    eva: Browser,
    on: App,
    browser: Callable[..., Browser],
    acme: VirtualInstance,
    user: User,
    session: Session,
) -> None:
    boss = browser(acme, Role.ADMINISTRATOR)
    path = f"/control-panel/users/{user.id}"
    assert "Reset second factor" in said(boss.page(path))
    assert boss.post(f"{path}/second-factor/reset").status_code == 303
    assert "Reset second factor" not in said(boss.page(path))
    assert eva.get("/documents").status_code == 303
    events = session.execute(select(AuditEvent.actor, AuditEvent.action).order_by(AuditEvent.id)).all()
    assert events[-1] == (boss.user.email, "second factor reset")


def test_nobody_resets_it_for_those_above_or_for_themselves(
    eva: Browser, on: App, browser: Callable[..., Browser], acme: VirtualInstance, user: User
) -> None:
    path = f"/control-panel/users/{user.id}/second-factor/reset"
    assert eva.post(path).status_code == 403
    assert browser(acme, Role.EDITOR).post(path).status_code == 403


def test_a_command_resets_it(on: App, config: Config, session: Session) -> None:
    settings = {
        "AUTOTAG_INSTANCE_PATH": str(config.instance_path),
        "AUTOTAG_DATABASE_URL": config.database_url,
    }
    command = ["users", "reset-second-factor", "--instance", "acme", "--email", EMAIL]
    done = CliRunner(env=settings).invoke(group, command)
    assert done.exit_code == 0, done.output
    assert session.scalars(select(User.totp_secret).where(User.email == EMAIL)).one() is None
    again = CliRunner(env=settings).invoke(group, command)
    assert (again.exit_code, "has no second factor" in again.output) == (1, True)
