import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.instances import tokens
from autotag.instances.tokens import (
    NAME_LENGTH,
    TokenError,
    TokenNotFound,
    create_token,
    list_all_tokens,
    list_tokens,
    load_token,
    revoke_any_token,
    revoke_token,
)
from autotag.models import ApiToken, AuditEvent, Role, User, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def user(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme, Role.EDITOR, email="eva@acme.test")


def new(session: Session, user: User, name: str = "Import", **options: object) -> tuple[ApiToken, str]:
    with unit_of_work(session) as work:
        return create_token(work, user, name=name, actor="eva", **options)


def test_a_token_is_random_and_only_its_hash_is_stored(session: Session, user: User) -> None:
    row, token = new(session, user)
    assert token.startswith("autotag_")
    assert len(token) == len("autotag_") + 43
    stored = session.execute(select(ApiToken.__table__)).one()
    assert stored.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert token not in map(str, stored)
    assert row.ending == token[-4:]
    assert new(session, user)[1] != token


def test_it_is_found_in_its_instance_alone(session: Session, make: Factory, user: User) -> None:
    row, token = new(session, user)
    found = load_token(session, user.instance_id, token)
    assert found is not None
    assert (found.id, found.user.email) == (row.id, "eva@acme.test")
    assert load_token(session, make.instance("globex").id, token) is None
    assert load_token(session, user.instance_id, token + "x") is None


def test_it_has_at_most_the_role_of_its_person(session: Session, user: User) -> None:
    assert new(session, user)[0].role is Role.EDITOR
    assert new(session, user, role=Role.VIEWER)[0].role is Role.VIEWER
    with pytest.raises(TokenError) as refused:
        new(session, user, role=Role.ADMINISTRATOR)
    assert refused.value.field == "role"


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "x" * (NAME_LENGTH + 1)])
def test_a_name_has_to_say_something(session: Session, user: User, name: str) -> None:
    with pytest.raises(TokenError) as refused:
        new(session, user, name)
    assert refused.value.field == "name"


@pytest.mark.parametrize("days", [0, -1, 366])
def test_a_lifetime_is_a_number_of_days(session: Session, user: User, days: int) -> None:
    with pytest.raises(TokenError) as refused:
        new(session, user, days=days)
    assert refused.value.field == "days"


@pytest.mark.parametrize(
    ("options", "days"), [({}, 365), ({"longest": 30}, 30), ({"days": 7, "longest": 30}, 7)]
)
def test_every_token_has_an_end(session: Session, user: User, options: dict[str, int], days: int) -> None:
    row, _ = new(session, user, **options)
    assert abs(row.expires_at - utc_now() - timedelta(days=days)) < timedelta(minutes=5)


def test_nobody_collects_tokens_without_end(
    session: Session, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    new(session, user)
    with pytest.raises(TokenError, match="Revoke"):
        new(session, user)


def test_the_list_is_ones_own_newest_first(session: Session, make: Factory, user: User) -> None:
    other = make.user(make.instance("globex"))
    colleague = make.user(session.merge(user).instance)
    for person in (user, user, other, colleague):
        new(session, person)
    assert [row.id for row in list_tokens(session, user)] == [2, 1]
    assert [row.id for row in list_all_tokens(session, user.instance_id)] == [4, 2, 1]


def test_revoking_is_for_ones_own_tokens(session: Session, make: Factory, user: User) -> None:
    colleague = make.user(session.merge(user).instance)
    elsewhere = make.instance("globex").id
    row, token = new(session, user)
    with pytest.raises(TokenNotFound), unit_of_work(session) as work:
        revoke_token(work, colleague, row.id, actor="x")
    with pytest.raises(TokenNotFound), unit_of_work(session) as work:
        revoke_any_token(work, elsewhere, row.id, actor="x")
    with unit_of_work(session) as work:
        revoke_token(work, user, row.id, actor="eva")
    assert load_token(session, user.instance_id, token) is None


def test_making_and_revoking_stand_in_the_audit_trail_without_the_token(session: Session, user: User) -> None:
    row, token = new(session, user, days=3)
    with unit_of_work(session) as work:
        revoke_any_token(work, user.instance_id, row.id, actor="operator")
    events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.actor, event.action, event.subject) for event in events] == [
        ("eva", "API token created", "eva@acme.test"),
        ("operator", "API token revoked", "eva@acme.test"),
    ]
    assert token not in str([event.changes for event in events])
