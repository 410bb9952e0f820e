"""Two who change instances, people or tokens at once: neither passes a limit, and each gets an answer in words."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances import tokens
from autotag.instances.administration import (
    InstanceError,
    InstanceFields,
    create_instance,
    load_instance,
    set_active,
    update_instance,
)
from autotag.instances.directory import ensure_default_instance
from autotag.instances.passwords import NewPassword
from autotag.instances.people import (
    PeopleError,
    SignInOvertaken,
    create_user,
    load_user,
    open_session,
    set_password,
    set_role,
    set_user_active,
)
from autotag.instances.tokens import TokenError, TokenNotFound, create_token, list_tokens, revoke_token
from autotag.models import ApiToken, AuditEvent, Role, User, UserSession, VirtualInstance
from autotag.models.unit_of_work import UnitOfWork
from tests.unit.at_once import second_of_two
from tests.unit.conftest import Factory

pytestmark = pytest.mark.usefixtures("quick_hashes")
BASE = "example.test"


def creating(web_id: str, host: str) -> Callable[[UnitOfWork], VirtualInstance]:
    def create(work: UnitOfWork) -> VirtualInstance:
        return create_instance(
            work,
            InstanceFields(web_id, host),
            base_domain=BASE,
            email="eva@acme.test",
            password=NewPassword("no password fits"),
            actor="boss",
        )

    return create


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


@pytest.mark.parametrize(
    ("second", "errors"),
    [
        (("acme", "other"), {"web_id": "acme is taken by another instance."}),
        (("other", "acme"), {"virtual_host": "acme is taken by the instance acme."}),
    ],
)
def test_a_name_that_two_instances_are_created_with_at_once_is_taken_once(
    sessions: sessionmaker[Session], session: Session, second: tuple[str, str], errors: dict[str, str]
) -> None:
    with pytest.raises(InstanceError) as caught:
        second_of_two(sessions, creating("acme", "acme"), creating(*second))
    assert caught.value.errors == errors
    assert session.scalar(select(func.count()).select_from(VirtualInstance)) == 1
    assert session.scalar(select(func.count()).select_from(User)) == 1


def test_a_host_that_two_instances_are_given_at_once_is_taken_once(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    def moving(number: int) -> Callable[[UnitOfWork], None]:
        def move(work: UnitOfWork) -> None:
            instance = load_instance(work.session, number)
            fields = InstanceFields(instance.web_id, "photos")
            update_instance(work, instance, fields, base_domain=BASE, actor="boss")

        return move

    first, second = make.instance("acme"), make.instance("globex")
    with pytest.raises(InstanceError) as caught:
        second_of_two(sessions, moving(first.id), moving(second.id))
    assert caught.value.errors == {"virtual_host": "photos is taken by the instance acme."}


def test_a_limit_of_users_that_is_lowered_counts_for_who_is_added_at_once(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme = make.instance("acme", max_users=2)
    make.user(acme)

    def lower(work: UnitOfWork) -> None:
        instance = load_instance(work.session, acme.id)
        update_instance(work, instance, InstanceFields("acme", "acme", "", 1), base_domain=BASE, actor="boss")

    def add(work: UnitOfWork) -> None:
        instance = load_instance(work.session, acme.id)
        create_user(
            work,
            instance,
            email="new@acme.test",
            password=NewPassword("no password fits"),
            role=Role.VIEWER,
            actor="boss",
        )

    with pytest.raises(PeopleError, match="may have 1 active users"):
        second_of_two(sessions, lower, add)
    assert session.scalar(select(func.count()).select_from(User)) == 1


def test_a_person_who_was_let_in_meanwhile_counts_as_the_last_administrator(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme = make.instance("acme")
    boss = make.user(acme, Role.ADMINISTRATOR)
    other = make.user(acme, Role.ADMINISTRATOR, is_active=False)

    def hand_over(work: UnitOfWork) -> None:
        instance = load_instance(work.session, acme.id)
        set_user_active(work, instance, load_user(work.session, acme.id, other.id), True, actor="boss")
        set_user_active(work, instance, load_user(work.session, acme.id, boss.id), False, actor="boss")

    def demote(work: UnitOfWork) -> None:
        instance = load_instance(work.session, acme.id)
        set_role(work, instance, load_user(work.session, acme.id, other.id), Role.VIEWER, actor="boss")

    with pytest.raises(PeopleError, match="is the last administrator"):
        second_of_two(sessions, hand_over, demote)
    assert load_user(session, acme.id, other.id).role is Role.ADMINISTRATOR


def test_what_two_do_at_once_to_a_person_is_done_and_noted_once(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme = make.instance("acme")
    ann = make.user(acme)

    def shut_out(work: UnitOfWork) -> None:
        instance = load_instance(work.session, acme.id)
        set_user_active(work, instance, load_user(work.session, acme.id, ann.id), False, actor="boss")

    second_of_two(sessions, shut_out, shut_out)
    assert actions(session) == ["user deactivated"]


def test_an_instance_that_two_switch_off_at_once_is_switched_off_once(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    acme = make.instance("acme")

    def switch_off(work: UnitOfWork) -> None:
        set_active(work, load_instance(work.session, acme.id), False, actor="boss")

    second_of_two(sessions, switch_off, switch_off)
    assert actions(session) == ["instance deactivated"]


def test_the_last_token_that_a_person_may_have_is_made_once(
    sessions: sessionmaker[Session], session: Session, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    ann = make.user(make.instance("acme"))

    def create(work: UnitOfWork) -> None:
        create_token(work, load_user(work.session, ann.instance_id, ann.id), name="script", actor="ann")

    with pytest.raises(TokenError, match="There are 1 tokens already"):
        second_of_two(sessions, create, create)
    assert len(list_tokens(session, ann)) == 1


def test_a_token_that_two_revoke_at_once_is_revoked_once(
    sessions: sessionmaker[Session], session: Session, make: Factory
) -> None:
    ann = make.user(make.instance("acme"))
    with sessions() as other:
        other.add(
            ApiToken(
                instance_id=ann.instance_id,
                user_id=ann.id,
                name="x",
                role=Role.VIEWER,
                token_sha256="0" * 64,
                ending="0000",
            )
        )
        other.flush()
        other.commit()
        number = list_tokens(other, ann)[0].id

    def revoke(work: UnitOfWork) -> None:
        revoke_token(work, load_user(work.session, ann.instance_id, ann.id), number, actor="ann")

    with pytest.raises(TokenNotFound):
        second_of_two(sessions, revoke, revoke)
    assert actions(session) == ["API token revoked"]


def _changing_the_password(work: UnitOfWork, user: User) -> None:
    set_password(work, user, NewPassword("another hash"), actor="ann")


def _shutting_out(work: UnitOfWork, user: User) -> None:
    set_user_active(work, load_instance(work.session, user.instance_id), user, False, actor="boss")


@pytest.mark.parametrize("change", [_changing_the_password, _shutting_out])
@pytest.mark.parametrize("change_is_first", [True, False])
def test_a_sign_in_leaves_no_session_behind_what_ends_all_of_them(
    sessions: sessionmaker[Session],
    session: Session,
    make: Factory,
    change: Callable[[UnitOfWork, User], None],
    change_is_first: bool,
) -> None:
    ann = make.user(make.instance("acme"))

    def end(work: UnitOfWork) -> None:
        change(work, load_user(work.session, ann.instance_id, ann.id))

    def sign_in(work: UnitOfWork) -> None:
        user = load_user(work.session, ann.instance_id, ann.id)
        open_session(work, user, address="", browser="", proven_hash=ann.password_hash)

    if change_is_first:
        with pytest.raises(SignInOvertaken):
            second_of_two(sessions, end, sign_in)
    else:
        second_of_two(sessions, sign_in, end)
    assert session.scalar(select(func.count()).select_from(UserSession)) == 0


def test_the_default_instance_that_two_machines_set_up_at_once_is_made_once(
    sessions: sessionmaker[Session], session: Session
) -> None:
    def set_up(work: UnitOfWork) -> int:
        return ensure_default_instance(work.session, BASE).id

    assert second_of_two(sessions, set_up, set_up) == session.scalar(select(VirtualInstance.id))
