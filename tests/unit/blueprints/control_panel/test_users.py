"""The people of an instance: added, changed, shut out, never above one's own role."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.instances.first_sign_in import keep_first_sign_in, read_first_password
from autotag.instances.people import authenticate, list_users
from autotag.models import Role, User, VirtualInstance
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

USERS = "/control-panel/users"
Open = Callable[..., Browser]


def shown_password(page: BeautifulSoup) -> str:
    found = page.find(id="shown-once-password")
    assert found is not None
    return str(found.get_text())


@pytest.fixture
def editor(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme, Role.EDITOR)


def people_of(sessions: sessionmaker[Session], instance: VirtualInstance) -> dict[str, User]:
    with sessions() as session:
        return {user.email: user for user in list_users(session, instance.id)}


def test_a_generated_password_is_shown_once_and_works(
    administrator: Browser, sessions: sessionmaker[Session], acme: VirtualInstance
) -> None:
    answer = administrator.post(f"{USERS}/add", {"email": "Eva@acme.example", "role": "editor"})
    assert answer.status_code == 303
    password = shown_password(administrator.page(USERS))
    with sessions() as session:
        user = authenticate(session, acme.id, "eva@acme.example", password)
        assert user is not None
        assert user.role is Role.EDITOR
    assert password not in administrator.get(USERS).text
    assert password not in administrator.get("/control-panel/audit").text


def test_a_generated_password_is_not_readable_in_the_cookie(app: Flask, administrator: Browser) -> None:
    answer = administrator.post(f"{USERS}/add", {"email": "eva@acme.example", "role": "editor"})
    cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    serializer = app.session_interface.serializer_for(app, "acme.localhost")  # type: ignore[attr-defined]
    kept = serializer.loads(cookie)["shown_once"]
    assert shown_password(administrator.page(USERS)) not in kept
    assert "eva" not in kept


def test_a_typed_password_is_shown_nowhere(administrator: Browser) -> None:
    sent = {"email": "eva@acme.example", "role": "viewer", "password": "typed by a person"}
    assert administrator.post(f"{USERS}/add", sent).status_code == 303
    assert "typed by a person" not in administrator.get(USERS).text


@pytest.mark.parametrize(
    ("sent", "field", "reason"),
    [
        ({"email": "", "role": "editor"}, "email", "Enter an e-mail address."),
        ({"email": "nobody", "role": "editor"}, "email", "'nobody' is no e-mail address."),
        ({"email": "a@b.c", "role": "editor", "password": "short"}, "password", "A password has 10 to 256"),
        ({"email": "a@b.c", "role": "system-administrator"}, "role", "Not a valid choice."),
        ({"email": "a@b.c", "role": "emperor"}, "role", "Not a valid choice."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    administrator: Browser, sent: dict[str, str], field: str, reason: str
) -> None:
    answer = administrator.post(f"{USERS}/add", sent)
    assert answer.status_code == 422
    assert reason in parsed(answer).find(id=f"{field}-error").get_text()


def test_an_address_is_taken_once(administrator: Browser, editor: User) -> None:
    answer = administrator.post(f"{USERS}/add", {"email": editor.email, "role": "viewer"})
    assert "is a user of this instance already" in said(parsed(answer))


def test_an_instance_has_no_more_people_than_it_may(
    browser: Open, make: Factory, default_instance: object
) -> None:
    small = make.instance("small", max_users=1)
    answer = browser(small, Role.ADMINISTRATOR).post(f"{USERS}/add", {"email": "a@b.c", "role": "viewer"})
    assert answer.status_code == 422
    assert "may have 1 active users" in said(parsed(answer))


def test_a_role_is_changed(
    administrator: Browser, editor: User, sessions: sessionmaker[Session], acme: VirtualInstance
) -> None:
    page = administrator.page(f"{USERS}/{editor.id}")
    assert page.find("option", selected=True)["value"] == "editor"
    assert administrator.post(f"{USERS}/{editor.id}/role", {"role": "viewer"}).status_code == 303
    assert people_of(sessions, acme)[editor.email].role is Role.VIEWER


def test_a_deactivated_person_is_out_at_once_and_comes_back(
    browser: Open, administrator: Browser, editor: User, acme: VirtualInstance
) -> None:
    person = browser(acme, user=editor)
    assert person.get("/documents").status_code == 200
    assert administrator.post(f"{USERS}/{editor.id}/deactivate").status_code == 303
    assert person.get("/documents").status_code == 303
    assert "Deactivated" in said(administrator.page(USERS))
    assert administrator.post(f"{USERS}/{editor.id}/activate").status_code == 303
    assert browser(acme, user=editor).get("/documents").status_code == 200


def test_a_full_instance_takes_nobody_back(
    browser: Open, make: Factory, default_instance: VirtualInstance
) -> None:
    small = make.instance("small", max_users=1)
    gone = make.user(small, is_active=False)
    answer = browser(small, Role.ADMINISTRATOR).post(f"{USERS}/{gone.id}/activate")
    assert answer.status_code == 422
    assert "may have 1 active users" in said(parsed(answer))


def test_a_new_password_ends_the_sessions(
    browser: Open,
    administrator: Browser,
    editor: User,
    acme: VirtualInstance,
    sessions: sessionmaker[Session],
) -> None:
    person = browser(acme, user=editor)
    assert administrator.post(f"{USERS}/{editor.id}/password").status_code == 303
    assert person.get("/documents").status_code == 303
    with sessions() as session:
        assert authenticate(session, acme.id, editor.email, shown_password(administrator.page(USERS)))
    answer = administrator.post(f"{USERS}/{editor.id}/password", {"password": "short"})
    assert answer.status_code == 422
    assert "A password has 10 to 256" in said(parsed(answer))


def test_the_kept_first_password_is_forgotten(
    system_administrator: Browser, make: Factory, default_instance: VirtualInstance, config: Config
) -> None:
    first = make.user(default_instance, Role.SYSTEM_ADMINISTRATOR)
    keep_first_sign_in(config.instance_path, first.email, "generated")
    system_administrator.post(f"{USERS}/{first.id}/password", {"password": "another password"})
    assert read_first_password(config.instance_path, first.email) is None


def test_nobody_is_managed_by_somebody_below_them(
    browser: Open, make: Factory, default_instance: VirtualInstance
) -> None:
    person = browser(default_instance, Role.ADMINISTRATOR)
    above = make.user(default_instance, Role.SYSTEM_ADMINISTRATOR)
    make.user(default_instance, Role.SYSTEM_ADMINISTRATOR)
    assert person.get(f"{USERS}/{above.id}").status_code == 403
    for action in ("role", "password", "activate", "deactivate"):
        assert person.post(f"{USERS}/{above.id}/{action}", {"role": "viewer"}).status_code == 403
    answer = person.post(f"{USERS}/add", {"email": "a@b.c", "role": "system-administrator"})
    assert answer.status_code == 422


def test_nobody_shuts_themselves_out_here(administrator: Browser) -> None:
    own = f"{USERS}/{administrator.user.id}"
    assert administrator.get(own).status_code == 403
    assert administrator.post(f"{own}/deactivate").status_code == 403
    assert administrator.page(USERS).find("a", string="Your account")
