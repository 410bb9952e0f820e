"""Who may call the API, and when no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances import people
from autotag.instances.tokens import list_tokens, revoke_token
from autotag.models import ApiToken, Role, User, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.blueprints.api.conftest import Program
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

INVALID = (401, "token_invalid")


def test_without_a_token_nothing_is_answered(editor: Program) -> None:
    answer = editor.get("/documents", headers={"Authorization": None})
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("sent", ["Basic YTpi", "Bearer", "Bearer ", "nonsense"])
def test_what_is_no_bearer_token_is_none(editor: Program, sent: str) -> None:
    assert editor.refusal("GET", "/documents", headers={"Authorization": sent}) == (401, "token_missing")


@pytest.mark.parametrize("sent", ["made-up", "autotag_" + "x" * 43])
def test_a_made_up_token_opens_nothing(editor: Program, sent: str) -> None:
    assert editor.refusal("GET", "/documents", headers={"Authorization": f"Bearer {sent}"}) == INVALID


def test_the_scheme_is_read_whatever_its_case(editor: Program) -> None:
    assert editor.get("/documents", headers={"Authorization": f"bearer {editor.token}"}).status_code == 200


def test_a_cookie_counts_for_nothing(
    app: Flask, browser: Callable[..., Browser], default_instance: VirtualInstance, acme: VirtualInstance
) -> None:
    signed_in = browser(acme, Role.ADMINISTRATOR)
    assert signed_in.get("/documents").status_code == 200
    assert signed_in.get("/api/v1/documents").status_code == 401


def test_a_token_is_no_sign_in_to_the_pages(app: Flask, editor: Program) -> None:
    headers = {"Authorization": f"Bearer {editor.token}"}
    answer = app.test_client().get("/documents", headers=headers, base_url=f"http://{editor.host}/")
    assert answer.status_code == 303


def test_a_token_means_nothing_on_the_host_of_another_instance(make: Factory, editor: Program) -> None:
    make.instance("globex")
    for host in ("localhost", "globex.localhost"):
        editor.host = host
        assert editor.refusal("GET", "/documents") == INVALID


def test_a_viewers_token_cannot_upload(
    program: Callable[..., Program], default_instance: VirtualInstance, acme: VirtualInstance
) -> None:
    viewer = program(acme, Role.VIEWER)
    assert viewer.get("/documents").status_code == 200
    answer = viewer.upload()
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


def test_a_token_loses_what_its_person_loses_at_once(
    make: Factory,
    program: Callable[..., Program],
    sessions: sessionmaker[Session],
    default_instance: VirtualInstance,
    acme: VirtualInstance,
) -> None:
    person = make.user(acme, Role.ADMINISTRATOR)
    make.user(acme, Role.ADMINISTRATOR)
    caller = program(acme, user=person)
    assert caller.upload().status_code == 201
    with sessions() as session, unit_of_work(session) as work:
        people.set_role(work, acme, work.session.merge(person), Role.VIEWER, actor="test")
    assert caller.upload().status_code == 403
    with sessions() as session, unit_of_work(session) as work:
        people.set_user_active(work, acme, work.session.merge(person), False, actor="test")
    assert caller.refusal("GET", "/documents") == INVALID


def test_the_tokens_of_an_inactive_instance_open_nothing(
    editor: Program, acme: VirtualInstance, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            update(VirtualInstance).where(VirtualInstance.id == acme.id).values(is_active=False)
        )
    assert editor.refusal("GET", "/documents") == (404, "unknown_host")


def test_a_revoked_token_opens_nothing(editor: Program, sessions: sessionmaker[Session]) -> None:
    with sessions() as session, unit_of_work(session) as work:
        (row,) = list_tokens(work.session, editor.user)
        revoke_token(work, editor.user, row.id, actor="test")
    assert editor.refusal("GET", "/documents") == INVALID


def test_an_expired_token_opens_nothing(
    program: Callable[..., Program],
    sessions: sessionmaker[Session],
    default_instance: VirtualInstance,
    acme: VirtualInstance,
) -> None:
    caller = program(acme, days=1)
    assert caller.get("/documents").status_code == 200
    change(sessions, expires_at=utc_now() - timedelta(seconds=1))
    assert caller.refusal("GET", "/documents") == INVALID


def test_a_use_is_noted_at_most_once_a_minute(editor: Program, sessions: sessionmaker[Session]) -> None:
    assert last_use(sessions, editor.user) is None
    editor.get("/documents")
    first = last_use(sessions, editor.user)
    assert first is not None
    editor.get("/documents")
    assert last_use(sessions, editor.user) == first
    change(sessions, last_used_at=first - timedelta(minutes=2))
    editor.get("/documents")
    assert last_use(sessions, editor.user) >= first


def change(sessions: sessionmaker[Session], **values: object) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(ApiToken).values(**values))


def last_use(sessions: sessionmaker[Session], user: User) -> object:
    with sessions() as session:
        return list_tokens(session, user)[0].last_used_at
