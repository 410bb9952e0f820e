"""The page of one's own API tokens."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.configuration.entries import SIGN_IN
from autotag.configuration.store import Place, Submission, save
from autotag.instances.passwords import choose_password
from autotag.instances.tokens import load_token
from autotag.models import Role, VirtualInstance
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.conftest import Browser, said
from tests.unit.conftest import Factory

PAGE = "/account/tokens"
PASSWORD = "correct horse"


@pytest.fixture
def editor(browser: Callable[..., Browser], acme: VirtualInstance, make: Factory) -> Browser:
    return browser(acme, user=make.user(acme, Role.EDITOR, password_hash=choose_password(PASSWORD).hash))


def create(person: Browser, **fields: str) -> int:
    return person.post(
        PAGE, {"name": "Import", "role": "editor", "days": "90", "current": PASSWORD} | fields
    ).status_code


def test_an_empty_page_says_what_to_do(editor: Browser) -> None:
    assert "There are none yet. Create one above" in said(editor.page(PAGE))
    assert editor.page("/account").find("a", href=PAGE) is not None


def test_a_new_token_is_shown_once_and_opens_the_api(
    app: Flask, editor: Browser, sessions: sessionmaker[Session]
) -> None:
    assert create(editor) == 303
    token = editor.page(PAGE).find(id="shown-once-password").text
    assert re.fullmatch(r"autotag_[\w-]{43}", token)
    again = editor.page(PAGE)
    assert token not in str(again)
    assert f"Import Editor, ends in {token[-4:]}" in said(again)
    assert "Never used" in said(again)
    with sessions() as session:
        found = load_token(session, editor.user.instance_id, token)
        assert found is not None
        assert (found.role, found.expires_at is not None) == (Role.EDITOR, True)


def test_the_roles_go_up_to_ones_own(editor: Browser) -> None:
    options = editor.page(PAGE).find("select", attrs={"name": "role"}).find_all("option")
    assert [option["value"] for option in options] == ["viewer", "editor"]
    assert create(editor, role="administrator") == 422


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "x" * 101}, {"days": "8"}, {"days": "x"}, {"name": "\u200b"}]
)
def test_what_cannot_be_is_refused_beside_its_field(editor: Browser, fields: dict[str, str]) -> None:
    assert create(editor, **fields) == 422
    assert "There are none yet" in said(editor.page(PAGE))


def test_a_token_is_good_until_its_end_or_until_it_is_revoked(editor: Browser) -> None:
    create(editor)
    editor.get(PAGE)
    page = editor.page(PAGE)
    assert "Good until" in said(page)
    form = page.find("form", action=re.compile("/revoke$"))
    assert editor.post(form["action"]).status_code == 303
    assert "The token Import is revoked." in said(editor.page(PAGE))
    assert editor.post(form["action"]).status_code == 404


def test_the_least_role_is_offered_first(editor: Browser) -> None:
    options = editor.page(PAGE).find("select", attrs={"name": "role"}).find_all("option")
    assert [option["value"] for option in options if option.has_attr("selected")] == ["viewer"]


@pytest.mark.parametrize("password", ["", "wrong password"])
def test_a_token_is_made_by_whoever_knows_the_password(editor: Browser, password: str) -> None:
    assert create(editor, current=password) == 422
    assert "There are none yet" in said(editor.page(PAGE))


def test_guesses_of_the_password_are_limited(editor: Browser) -> None:
    assert [create(editor, current="wrong password") for _ in range(11)] == [422] * 10 + [429]


def test_the_settings_say_how_long_a_token_is_good_at_most(
    editor: Browser, sessions: sessionmaker[Session], config: Config
) -> None:
    place = Place.of(SIGN_IN, editor.user.instance_id)
    submission = Submission({"maximum_token_lifetime": "60"}, "boss")
    with sessions() as session, unit_of_work(session) as work:
        save(work, place, submission, box=secret_box(config), choices={})
    options = editor.page(PAGE).find("select", attrs={"name": "days"}).find_all("option")
    assert [option["value"] for option in options] == ["7", "30", "60"]
    assert create(editor, days="90") == 422
    assert create(editor, days="60") == 303


def test_nobody_sees_or_revokes_another_persons_token(
    editor: Browser, browser: Callable[..., Browser], acme: VirtualInstance
) -> None:
    create(editor)
    administrator = browser(acme, Role.ADMINISTRATOR)
    assert "There are none yet" in said(administrator.page(PAGE))
    assert administrator.post(f"{PAGE}/1/revoke").status_code == 404
