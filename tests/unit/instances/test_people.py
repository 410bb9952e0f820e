from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.security import generate_password_hash

from autotag.instances.errors import PeopleError
from autotag.instances.passwords import NewPassword, choose_password
from autotag.instances.people import (
    ABSOLUTE_LIMIT,
    IDLE_LIMIT,
    SessionNotFound,
    UserNotFound,
    authenticate,
    close_session,
    create_user,
    end_session,
    find_user,
    list_sessions,
    list_users,
    load_session,
    load_user,
    normalize_email,
    open_session,
    roles_of,
    set_password,
    set_role,
    set_user_active,
    touch_session,
)
from autotag.instances.tokens import create_token, load_token
from autotag.models import AuditEvent, Role, User, UserSession, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from tests.unit.at_once import second_of_two
from tests.unit.conftest import Factory

PASSWORD = "correct horse"
NEW = NewPassword("scrypt:1024:8:1$salt$hash")


@pytest.fixture(scope="module")
def password_hash() -> str:
    """As ours, but quick to check: a hash carries its own cost."""
    return generate_password_hash(PASSWORD, method="scrypt:1024:8:1")


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def ann(make: Factory, acme: VirtualInstance, password_hash: str) -> User:
    return make.user(acme, email="ann@example.test", password_hash=password_hash)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (" Ann@Example.TEST ", "ann@example.test"),
        ("admin@localhost", "admin@localhost"),
        ("a+b@mail.example.test", "a+b@mail.example.test"),
    ],
)
def test_an_address_is_stored_in_lower_case(given: str, stored: str) -> None:
    assert normalize_email(given) == stored


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.test",
        "ann@",
        "a b@example.test",
        "a@b@example.test",
        "ann@-example.test",
        "ann@example.test\nBcc: x@example.test",
        "<script>@example.test",
        "a,b@example.test",
        "a\x9b2Jb@example.test",
        "a\x7f@example.test",
        "moc.elpmaxe\u202e@example.test",
        f"{'a' * 65}@example.test",
        f"a@{'b' * 260}",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(PeopleError) as caught:
        normalize_email(address)
    assert caught.value.field == "email"


def test_a_person_is_created_in_an_instance(session: Session, acme: VirtualInstance) -> None:
    with unit_of_work(session) as work:
        create_user(work, acme, email="Ann@example.test", password=NEW, role=Role.EDITOR, actor="boss")
    user = session.scalars(select(User)).one()
    assert (user.instance_id, user.email, user.role) == (acme.id, "ann@example.test", Role.EDITOR)
    assert user.is_active
    assert user.password_hash == NEW.hash


def test_an_address_is_taken_once_in_an_instance(session: Session, acme: VirtualInstance, ann: User) -> None:
    with pytest.raises(PeopleError, match="a user of this instance already"), unit_of_work(session) as work:
        create_user(work, acme, email=ann.email.upper(), password=NEW, role=Role.VIEWER, actor="boss")


def test_an_address_can_be_taken_in_another_instance_too(session: Session, ann: User, make: Factory) -> None:
    other = make.instance()
    with unit_of_work(session) as work:
        create_user(work, other, email=ann.email, password=NEW, role=Role.VIEWER, actor="boss")
    found = find_user(session, other.id, ann.email)
    assert found is not None
    assert found.id != ann.id


def test_the_right_password_signs_in(session: Session, ann: User) -> None:
    found = authenticate(session, ann.instance_id, " ANN@example.test", PASSWORD)
    assert found is not None
    assert found.id == ann.id


@pytest.mark.parametrize("password", ["", "correct hors", "Correct horse", PASSWORD + " "])
def test_a_wrong_password_does_not(session: Session, ann: User, password: str) -> None:
    assert authenticate(session, ann.instance_id, ann.email, password) is None


def test_more_than_the_longest_password_is_not_that_password(
    session: Session, acme: VirtualInstance, make: Factory
) -> None:
    longest = "an odd pass " * 21 + "word"
    user = make.user(acme, password_hash=choose_password(longest).hash)
    assert authenticate(session, acme.id, user.email, longest + "d") is None


def test_an_inactive_person_does_not_sign_in(
    session: Session, acme: VirtualInstance, make: Factory, password_hash: str
) -> None:
    user = make.user(acme, password_hash=password_hash, is_active=False)
    assert authenticate(session, acme.id, user.email, PASSWORD) is None


def test_a_person_of_another_instance_does_not_sign_in(session: Session, ann: User, make: Factory) -> None:
    assert authenticate(session, make.instance().id, ann.email, PASSWORD) is None


def test_the_database_keeps_only_the_hash_of_a_token(session: Session, ann: User, make: Factory) -> None:
    token = make.token(ann)
    assert len(token) >= 43
    row = session.execute(text("SELECT * FROM user_session")).one()
    assert token not in [str(value) for value in row]
    assert len(session.scalars(select(UserSession.token_sha256)).one()) == 64


def test_a_token_opens_its_session(session: Session, ann: User, make: Factory) -> None:
    found = load_session(session, ann.instance_id, make.token(ann))
    assert found is not None
    assert found.user.id == ann.id


def test_signing_in_is_noted(session: Session, ann: User, make: Factory) -> None:
    make.token(ann)
    assert session.get_one(User, ann.id).last_sign_in_at is not None


def test_two_sign_ins_are_two_sessions(session: Session, ann: User, make: Factory) -> None:
    tokens = {make.token(ann), make.token(ann)}
    assert len(tokens) == 2
    assert all(load_session(session, ann.instance_id, token) for token in tokens)


@pytest.mark.parametrize("token", ["", "guess", "a" * 43])
def test_a_guessed_token_is_nothing(session: Session, ann: User, make: Factory, token: str) -> None:
    make.token(ann)
    assert load_session(session, ann.instance_id, token) is None


def test_a_token_is_nothing_in_another_instance(session: Session, ann: User, make: Factory) -> None:
    assert load_session(session, make.instance().id, make.token(ann)) is None


def test_a_closed_session_is_over(session: Session, ann: User, make: Factory) -> None:
    token, other = make.token(ann), make.token(ann)
    with unit_of_work(session) as work:
        close_session(work, token)
    assert load_session(session, ann.instance_id, token) is None
    assert load_session(session, ann.instance_id, other) is not None


def test_the_session_of_somebody_made_inactive_is_over(session: Session, ann: User, make: Factory) -> None:
    token = make.token(ann)
    with unit_of_work(session) as work:
        work.session.execute(update(User).values(is_active=False))
    assert load_session(session, ann.instance_id, token) is None


@pytest.mark.parametrize(
    ("column", "age", "alive"),
    [
        ("last_seen_at", IDLE_LIMIT - timedelta(minutes=1), True),
        ("last_seen_at", IDLE_LIMIT + timedelta(minutes=1), False),
        ("created_at", ABSOLUTE_LIMIT - timedelta(minutes=1), True),
        ("created_at", ABSOLUTE_LIMIT + timedelta(minutes=1), False),
    ],
)
def test_a_session_ends_when_idle_or_old(
    session: Session, ann: User, make: Factory, column: str, age: timedelta, alive: bool
) -> None:
    token = make.token(ann)
    _age(session, column, age)
    assert (load_session(session, ann.instance_id, token) is not None) is alive


def test_use_keeps_a_session_from_ending_for_idleness(session: Session, ann: User, make: Factory) -> None:
    token = make.token(ann)
    _age(session, "last_seen_at", IDLE_LIMIT - timedelta(hours=1))
    found = load_session(session, ann.instance_id, token)
    assert found is not None
    with unit_of_work(session) as work:
        touch_session(work, found)
    assert utc_now() - session.scalars(select(UserSession.last_seen_at)).one() < timedelta(minutes=1)


def test_signing_in_clears_away_ended_sessions_of_that_person(
    session: Session, ann: User, make: Factory, sessions: sessionmaker[Session]
) -> None:
    make.token(ann)
    make.token(make.user(make.instance()))
    _age(session, "last_seen_at", IDLE_LIMIT * 2)
    make.token(ann)
    with sessions() as fresh:
        owners = fresh.scalars(select(UserSession.user_id)).all()
    assert owners.count(ann.id) == 1
    assert len(owners) == 2


def test_long_words_of_a_browser_are_cut(session: Session, ann: User) -> None:
    with unit_of_work(session) as work:
        open_session(work, work.session.merge(ann), address="1" * 500, browser="b" * 5000)
    found = session.scalars(select(UserSession)).one()
    assert (len(found.address), len(found.browser)) == (64, 255)


@pytest.fixture
def boss(make: Factory, acme: VirtualInstance) -> User:
    return make.user(acme, Role.ADMINISTRATOR)


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_an_instance_has_no_more_active_people_than_it_may(session: Session, make: Factory) -> None:
    instance = make.instance(max_users=2)
    make.user(instance)
    make.user(instance, is_active=False)
    with unit_of_work(session) as work:
        create_user(work, instance, email="b@example.test", password=NEW, role=Role.VIEWER, actor="boss")
    with pytest.raises(PeopleError, match="may have 2 active users"), unit_of_work(session) as work:
        create_user(work, instance, email="c@example.test", password=NEW, role=Role.VIEWER, actor="boss")


def test_system_administrators_are_people_of_the_default_instance(
    session: Session, acme: VirtualInstance, make: Factory
) -> None:
    assert roles_of(make.instance("default"))[-1] is Role.SYSTEM_ADMINISTRATOR
    assert roles_of(acme)[-1] is Role.ADMINISTRATOR
    with pytest.raises(PeopleError) as caught, unit_of_work(session) as work:
        create_user(
            work,
            acme,
            email="b@example.test",
            password=NEW,
            role=Role.SYSTEM_ADMINISTRATOR,
            actor="boss",
        )
    assert caught.value.field == "role"


def test_a_person_of_another_instance_is_not_found(session: Session, ann: User, make: Factory) -> None:
    assert load_user(session, ann.instance_id, ann.id).email == ann.email
    with pytest.raises(UserNotFound):
        load_user(session, make.instance().id, ann.id)


def test_people_are_listed_by_address_active_ones_first(
    session: Session, acme: VirtualInstance, make: Factory
) -> None:
    make.user(make.instance())
    for email, is_active in (("c@x", True), ("b@x", False), ("a@x", True)):
        make.user(acme, email=email, is_active=is_active)
    assert [user.email for user in list_users(session, acme.id)] == ["a@x", "c@x", "b@x"]


def test_a_new_password_ends_the_other_sessions(session: Session, ann: User, make: Factory) -> None:
    kept, other = make.token(ann), make.token(ann)
    here = load_session(session, ann.instance_id, kept)
    assert here is not None
    with unit_of_work(session) as work:
        user = load_user(work.session, ann.instance_id, ann.id)
        set_password(work, user, choose_password("another horse"), actor="ann", keep_session=here.id)
    assert load_session(session, ann.instance_id, kept) is not None
    assert load_session(session, ann.instance_id, other) is None
    assert authenticate(session, ann.instance_id, ann.email, PASSWORD) is None
    assert authenticate(session, ann.instance_id, ann.email, "another horse") is not None
    assert actions(session) == ["session ended", "password changed"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_new_password_ends_the_tokens_unless_they_are_kept(
    session: Session, acme: VirtualInstance, ann: User, make: Factory, kept: bool
) -> None:
    others = make_token(session, make.user(acme))
    token = make_token(session, ann)
    with unit_of_work(session) as work:
        user = load_user(work.session, ann.instance_id, ann.id)
        set_password(work, user, NEW, actor="ann", keep_tokens=kept)
    assert (load_token(session, ann.instance_id, token) is not None) is kept
    assert load_token(session, ann.instance_id, others) is not None
    assert ("API tokens revoked" in actions(session)) is not kept


def test_deactivating_ends_the_tokens_for_good(session: Session, ann: User, make: Factory) -> None:
    token = make_token(session, ann)
    for active in (False, True):
        with unit_of_work(session) as work:
            user = load_user(work.session, ann.instance_id, ann.id)
            set_user_active(work, user.instance, user, active, actor="boss")
    assert load_token(session, ann.instance_id, token) is None


@pytest.mark.parametrize("generated", [True, False])
def test_a_generated_password_has_to_be_changed(session: Session, ann: User, generated: bool) -> None:
    with unit_of_work(session) as work:
        user = load_user(work.session, ann.instance_id, ann.id)
        set_password(work, user, replace(NEW, is_generated=generated), actor="boss")
    assert user.must_change_password is generated


def make_token(session: Session, user: User) -> str:
    with unit_of_work(session) as work:
        return create_token(work, work.session.merge(user), name="Import", actor="test")[1]


def test_a_person_ends_own_sessions_only(session: Session, ann: User, boss: User, make: Factory) -> None:
    mine, theirs = make.token(ann), make.token(boss)
    own = load_session(session, ann.instance_id, mine)
    other = load_session(session, ann.instance_id, theirs)
    assert own is not None
    assert other is not None
    with unit_of_work(session) as work:
        end_session(work, ann, own.id)
    assert actions(session) == ["session ended"]
    for gone in (other.id, own.id):
        with pytest.raises(SessionNotFound), unit_of_work(session) as work:
            end_session(work, ann, gone)
    assert list_sessions(session, ann) == []
    assert len(list_sessions(session, boss)) == 1


def test_the_last_administrator_stays_one(
    session: Session, acme: VirtualInstance, boss: User, make: Factory
) -> None:
    make.user(acme, Role.ADMINISTRATOR, is_active=False)
    make.user(make.instance(), Role.ADMINISTRATOR)
    with unit_of_work(session) as work:
        user = load_user(work.session, acme.id, boss.id)
        with pytest.raises(PeopleError, match="last administrator"):
            set_role(work, acme, user, Role.EDITOR, actor="boss")
        with pytest.raises(PeopleError, match="last administrator"):
            set_user_active(work, acme, user, False, actor="boss")
    assert actions(session) == []


def test_two_administrators_who_take_each_others_role_at_once_leave_one(
    sessions: sessionmaker[Session], session: Session, acme: VirtualInstance, make: Factory
) -> None:
    emails = ["ann@example.test", "boss@example.test"]
    for email in emails:
        make.user(acme, email=email, role=Role.ADMINISTRATOR)

    def taking_the_role_of(email: str) -> Callable[[UnitOfWork], None]:
        def act(work: UnitOfWork) -> None:
            instance = work.session.get_one(VirtualInstance, acme.id)
            user = find_user(work.session, acme.id, email)
            assert user is not None
            set_role(work, instance, user, Role.VIEWER, actor="each other")

        return act

    with pytest.raises(PeopleError):
        second_of_two(sessions, *map(taking_the_role_of, emails))
    roles = [user.role for user in list_users(session, acme.id)]
    assert sorted(roles) == sorted([Role.VIEWER, Role.ADMINISTRATOR])


def test_an_address_that_two_add_at_once_is_taken_once(
    sessions: sessionmaker[Session], session: Session, acme: VirtualInstance
) -> None:
    def add(work: UnitOfWork) -> User:
        instance = work.session.get_one(VirtualInstance, acme.id)
        return create_user(
            work, instance, email="new@example.test", password=NEW, role=Role.VIEWER, actor="two"
        )

    with pytest.raises(PeopleError, match="is a user of this instance already"):
        second_of_two(sessions, add, add)
    assert len(list_users(session, acme.id)) == 1


def test_with_another_administrator_one_may_go(
    session: Session, acme: VirtualInstance, boss: User, make: Factory
) -> None:
    make.user(acme, Role.ADMINISTRATOR)
    token = make.token(boss)
    with unit_of_work(session) as work:
        user = load_user(work.session, acme.id, boss.id)
        set_role(work, acme, user, Role.EDITOR, actor="boss")
        set_user_active(work, acme, user, False, actor="boss")
    assert (user.role, user.is_active) == (Role.EDITOR, False)
    assert load_session(session, acme.id, token) is None
    assert list_sessions(session, user) == []
    assert actions(session) == ["role changed", "session ended", "user deactivated"]


def test_nobody_is_let_back_into_a_full_instance(session: Session, make: Factory) -> None:
    instance = make.instance(max_users=1)
    make.user(instance)
    out = make.user(instance, is_active=False)
    user = load_user(session, instance.id, out.id)
    with pytest.raises(PeopleError, match="may have 1 active"), unit_of_work(session) as work:
        set_user_active(work, instance, user, True, actor="boss")


def _age(session: Session, column: str, age: timedelta) -> None:
    with unit_of_work(session) as work:
        work.session.execute(update(UserSession).values({column: utc_now() - age}))
