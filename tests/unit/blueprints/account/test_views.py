"""One's own password and sessions."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.blueprints.browsers import browser_name
from autotag.config import Config
from autotag.instances.first_sign_in import keep_first_sign_in, read_first_password
from autotag.instances.passwords import choose_password
from autotag.instances.people import authenticate
from autotag.instances.tokens import create_token, list_tokens
from autotag.models import User, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

OLD, NEW = "the old password", "the new password"
Open = Callable[..., Browser]


@pytest.fixture
def person(make: Factory, default_instance: VirtualInstance) -> User:
    return make.user(default_instance, password_hash=choose_password(OLD).hash)


@pytest.fixture
def here(browser: Open, default_instance: VirtualInstance, person: User) -> Browser:
    return browser(default_instance, user=person)


@pytest.fixture
def elsewhere(browser: Open, default_instance: VirtualInstance, person: User) -> Browser:
    return browser(default_instance, user=person)


def test_a_password_is_changed_and_other_sessions_end(
    here: Browser, elsewhere: Browser, person: User, config: Config, sessions: sessionmaker[Session]
) -> None:
    keep_first_sign_in(config.instance_path, person.email, OLD)
    answer = here.post("/account/password", {"current": OLD, "password": NEW, "again": NEW})
    assert answer.status_code == 303
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert read_first_password(config.instance_path, person.email) is None
    with sessions() as session:
        assert authenticate(session, person.instance_id, person.email, NEW)
        assert not authenticate(session, person.instance_id, person.email, OLD)


@pytest.mark.parametrize(
    ("sent", "field", "reason"),
    [
        (
            {"current": "wrong", "password": NEW, "again": NEW},
            "current",
            "This is not your current password.",
        ),
        ({"current": OLD, "password": NEW, "again": "x"}, "again", "This is not the same password."),
        ({"current": OLD, "password": "short", "again": "short"}, "password", "A password has 10 to 256"),
        ({"current": "", "password": NEW, "again": NEW}, "current", "Enter your current password."),
    ],
)
def test_a_refusal_stands_beside_its_field_and_changes_nothing(
    here: Browser, elsewhere: Browser, person: User, sent: dict[str, str], field: str, reason: str
) -> None:
    answer = here.post("/account/password", sent)
    assert answer.status_code == 422
    assert reason in parsed(answer).find(id=f"{field}-error").get_text()
    assert not [value for value in sent.values() if value and f'value="{value}"' in answer.text]
    assert elsewhere.get("/account").status_code == 200


@pytest.mark.parametrize(("sent", "left"), [({}, 1), ({"end_tokens": "y"}, 0)])
def test_tokens_end_with_a_password_change_when_the_person_says_so(
    here: Browser, person: User, sessions: sessionmaker[Session], sent: dict[str, str], left: int
) -> None:
    assert here.page("/account").find("input", attrs={"name": "end_tokens"}) is None
    with sessions() as session, unit_of_work(session) as work:
        create_token(work, work.session.merge(person), name="Import", actor="test")
    tick = here.page("/account").find("input", attrs={"name": "end_tokens"})
    assert not tick.has_attr("checked")
    assert (
        here.post("/account/password", {"current": OLD, "password": NEW, "again": NEW} | sent).status_code
        == 303
    )
    with sessions() as session:
        assert len(list_tokens(session, person)) == left


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (OLD, "This is your current password."),
        ("Password123", "Many people use"),
        ("autotag-2026", "mostly an address"),
    ],
)
def test_a_weak_password_is_refused(here: Browser, password: str, reason: str) -> None:
    answer = here.post("/account/password", {"current": OLD, "password": password, "again": password})
    assert answer.status_code == 422
    assert reason in parsed(answer).find(id="password-error").get_text()


def test_guesses_of_the_password_are_limited(here: Browser) -> None:
    sent = {"current": "wrong", "password": NEW, "again": NEW}
    assert [here.post("/account/password", sent).status_code for _ in range(11)][-1] == 429


def test_one_session_is_ended(here: Browser, elsewhere: Browser) -> None:
    page = here.page("/account")
    assert said(page).count("This session") == 1
    end = page.find("button", string="End").find_parent("form")["action"]
    assert here.post(end).status_code == 303
    assert elsewhere.get("/account").status_code == 303
    assert here.get("/account").status_code == 200


def test_another_persons_session_is_not_ended(
    browser: Open, here: Browser, elsewhere: Browser, default_instance: VirtualInstance
) -> None:
    end = here.page("/account").find("button", string="End").find_parent("form")["action"]
    browser(default_instance).post(end)
    assert elsewhere.get("/account").status_code == 200


def test_all_others_are_ended_at_once(here: Browser, elsewhere: Browser) -> None:
    assert here.post("/account/sessions/end-others").status_code == 303
    assert elsewhere.get("/account").status_code == 303
    assert here.page("/account").find("button", string="Sign out everywhere") is None


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_in_words(user_agent: str, words: str) -> None:
    assert browser_name(user_agent) == words
