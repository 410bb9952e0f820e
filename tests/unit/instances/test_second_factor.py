from collections.abc import Callable

import pyotp
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.secret_box import SecretBox
from autotag.instances import second_factor
from autotag.instances.errors import PeopleError
from autotag.instances.people import list_sessions, load_session
from autotag.instances.second_factor import (
    count_recovery_codes,
    has_second_factor,
    new_secret,
    remove,
    renew_recovery_codes,
    rotate_secrets,
    set_up,
    verify,
)
from autotag.instances.tokens import create_token, load_token
from autotag.models import AuditEvent, RecoveryCode, User, VirtualInstance
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from tests.unit.at_once import second_of_two
from tests.unit.conftest import Factory

NOON = 1_800_000_000
"""A moment at which a step of 30 seconds begins."""


class Clock:
    """The time that authenticator app and server see."""

    now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(second_factor, "_now", clock)
    return clock


@pytest.fixture
def box() -> SecretBox:
    return SecretBox(["only for tests"])


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


class Person:
    """Somebody with an authenticator app."""

    def __init__(self, sessions: sessionmaker[Session], user: User, box: SecretBox, clock: Clock) -> None:
        self.sessions, self.user, self.box, self.clock = sessions, user, box, clock
        self.secret = new_secret()
        self.codes: list[str] = []

    def change(self, act: Callable[[UnitOfWork, User], object]) -> object:
        with self.sessions() as session, unit_of_work(session) as work:
            return act(work, work.session.get_one(User, self.user.id))

    def set_up(self, code: str | None = None) -> None:
        given = self.code() if code is None else code
        self.codes = self.change(
            lambda work, user: set_up(work, user, self.secret, given, box=self.box, keep_session=0)
        )  # type: ignore[assignment]

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(int(self.clock.now) + 30 * steps)

    def verify(self, code: str) -> bool:
        return bool(self.change(lambda work, user: verify(work, user, code, box=self.box)))


@pytest.fixture
def ann(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, box: SecretBox, clock: Clock
) -> Person:
    return Person(sessions, make.user(acme, email="ann@example.test"), box, clock)


@pytest.fixture
def ready(ann: Person) -> Person:
    ann.set_up()
    ann.clock.now += 300
    return ann


def test_a_code_works_once_and_so_does_every_earlier_one(ready: Person) -> None:
    code, earlier = ready.code(), ready.code(-1)
    assert ready.verify(code)
    assert not ready.verify(code)
    assert not ready.verify(earlier)
    ready.clock.now += 30
    assert ready.verify(ready.code())


def test_the_code_of_the_set_up_is_used_up_by_it(ann: Person) -> None:
    code = ann.code()
    ann.set_up(code)
    assert not ann.verify(code)


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_differ_by_one_step(ready: Person, steps: int, right: bool) -> None:
    assert ready.verify(ready.code(steps)) is right


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "٠١٢٣٤٥", "0" * 100_000, "\x00"])
def test_what_is_no_code_is_wrong(ready: Person, code: str) -> None:
    assert not ready.verify(code)


def test_spaces_do_not_matter(ready: Person) -> None:
    code = ready.code()
    assert ready.verify(f" {code[:3]} {code[3:]} ")


def test_of_two_who_use_a_code_at_once_one_succeeds(sessions: sessionmaker[Session], ready: Person) -> None:
    code = ready.code()

    def use(work: UnitOfWork) -> bool:
        return verify(work, work.session.get_one(User, ready.user.id), code, box=ready.box)

    assert second_of_two(sessions, use, use) is False


def test_a_recovery_code_works_once_whatever_its_spelling(ready: Person) -> None:
    assert len(set(ready.codes)) == 10
    assert ready.verify(ready.codes[0].upper())
    assert not ready.verify(ready.codes[0])
    assert ready.verify(ready.codes[1].replace("-", ""))
    with ready.sessions() as session:
        assert count_recovery_codes(session, ready.user) == 8


def test_new_recovery_codes_replace_the_old_ones(ready: Person) -> None:
    fresh = ready.change(renew_recovery_codes)
    assert isinstance(fresh, list)
    assert not ready.verify(ready.codes[0])
    assert ready.verify(fresh[0])


def test_the_database_holds_neither_the_secret_nor_the_codes(ready: Person, session: Session) -> None:
    stored = session.scalars(select(User.totp_secret)).one()
    assert stored is not None
    assert ready.secret not in stored
    kept = " ".join(session.scalars(select(RecoveryCode.code_sha256)))
    assert not [code for code in ready.codes if code.replace("-", "") in kept]


def test_a_secret_that_is_copied_to_another_person_is_worth_nothing(
    ready: Person, make: Factory, acme: VirtualInstance
) -> None:
    with ready.sessions() as session:
        stolen = session.scalars(select(User.totp_secret).where(User.id == ready.user.id)).one()
    other = Person(ready.sessions, make.user(acme, totp_secret=stolen), ready.box, ready.clock)
    other.secret = ready.secret
    assert not other.verify(other.code())


def test_the_recovery_code_of_another_person_is_worth_nothing(ready: Person, make: Factory) -> None:
    other = Person(ready.sessions, make.user(make.instance("globex")), ready.box, ready.clock)
    other.set_up()
    assert not other.verify(ready.codes[0])
    assert ready.verify(ready.codes[0])


@pytest.mark.parametrize("stored", ["damaged", "00000000:AAAA", ""])
def test_a_damaged_secret_leaves_the_recovery_codes(ready: Person, stored: str) -> None:
    ready.change(lambda _, user: setattr(user, "totp_secret", stored))
    assert not ready.verify(ready.code())
    assert ready.verify(ready.codes[0])


def test_it_is_set_up_with_a_code_only_and_once(ann: Person) -> None:
    with pytest.raises(PeopleError, match="not the code that the app shows now"):
        ann.set_up("000000" if ann.code() != "000000" else "000001")
    ann.set_up()
    ann.clock.now += 300
    with pytest.raises(PeopleError, match="on already"):
        ann.set_up()


def test_setting_it_up_ends_the_sessions_that_began_without_it(ann: Person, make: Factory) -> None:
    token = make.token(ann.user)
    ann.set_up()
    with ann.sessions() as session:
        assert load_session(session, ann.user.instance_id, token) is None


def test_a_reset_is_audited_and_ends_sessions_but_no_token(ready: Person, make: Factory) -> None:
    make.token(ready.user)
    _, token = ready.change(lambda work, user: create_token(work, user, name="Import", actor="ann"))  # type: ignore[misc]
    assert ready.change(lambda work, user: remove(work, user, actor="boss")) is True
    assert ready.change(lambda work, user: remove(work, user, actor="boss")) is False
    with ready.sessions() as session:
        assert list_sessions(session, ready.user) == []
        assert load_token(session, ready.user.instance_id, token) is not None
        assert not has_second_factor(session.get_one(User, ready.user.id))
        assert count_recovery_codes(session, ready.user) == 0
        actions = list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))
    assert actions == [
        "second factor turned on",
        "API token created",
        "session ended",
        "second factor reset",
    ]


def test_secrets_go_over_to_a_new_key(ready: Person) -> None:
    both = SecretBox(["a new key", "only for tests"])
    assert ready.change(lambda work, _: rotate_secrets(work, both)) == 1
    assert ready.change(lambda work, _: rotate_secrets(work, both)) == 0
    ready.box = SecretBox(["a new key"])
    assert ready.verify(ready.code())


def test_the_app_is_told_whose_account_it_is(ann: Person) -> None:
    address = second_factor.app_address(ann.secret, ann.user, "acme.localhost")
    assert address.startswith("otpauth://totp/")
    parsed = pyotp.parse_uri(address)
    assert (parsed.name, parsed.issuer) == ("ann@example.test", "Autotag acme.localhost")
    assert parsed.secret == ann.secret
