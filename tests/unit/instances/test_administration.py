import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.instances.administration import (
    InstanceError,
    InstanceFields,
    UnknownInstance,
    create_instance,
    find_by_web_id,
    list_instances,
    set_active,
    update_instance,
)
from autotag.instances.passwords import NewPassword
from autotag.instances.wall import scope_to_instance
from autotag.models import AuditEvent, Role, User, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

pytestmark = pytest.mark.usefixtures("quick_hashes")
BASE = "example.test"

PASSWORD = NewPassword("no password fits")


def create(session: Session, web_id: str = "acme", host: str = "acme", **values: object) -> VirtualInstance:
    given = {"email": "eva@acme.test"} | {
        name: str(values.pop(name)) for name in ("email",) if name in values
    }
    fields = InstanceFields(web_id, host, **values)  # type: ignore[arg-type]
    with unit_of_work(session) as work:
        return create_instance(work, fields, base_domain=BASE, password=PASSWORD, actor="boss", **given)


def change(session: Session, instance: VirtualInstance, **values: object) -> None:
    given = {
        "web_id": instance.web_id,
        "virtual_host": instance.virtual_host,
        "mail_domain": instance.mail_domain,
        "max_users": instance.max_users,
    }
    with unit_of_work(session) as work:
        found = work.session.merge(instance)
        update_instance(work, found, InstanceFields(**(given | values)), base_domain=BASE, actor="boss")  # type: ignore[arg-type]


def trail(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_an_instance_comes_with_its_first_administrator(session: Session) -> None:
    instance = create(session, " Acme ", "ACME.example.test.", mail_domain="@Acme.TEST", max_users=5)
    assert (instance.web_id, instance.virtual_host) == ("acme", "acme")
    assert (instance.mail_domain, instance.max_users, instance.is_active) == ("acme.test", 5, True)
    user = session.scalars(select(User)).one()
    assert (user.instance_id, user.email, user.role) == (instance.id, "eva@acme.test", Role.ADMINISTRATOR)
    assert "instance created" in trail(session)


@pytest.mark.parametrize("host", ["acme", "acme.example.test", "photos.acme.net", "intranet"])
def test_a_host_is_a_name_under_the_base_domain_or_a_full_one(session: Session, host: str) -> None:
    assert create(session, host=host).virtual_host == host.removesuffix(".example.test")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"web_id": ""}, "web_id"),
        ({"web_id": "a b"}, "web_id"),
        ({"web_id": "-acme"}, "web_id"),
        ({"web_id": "a" * 76}, "web_id"),
        ({"host": ""}, "virtual_host"),
        ({"host": BASE}, "virtual_host"),
        ({"host": "deep.acme.example.test"}, "virtual_host"),
        ({"host": "10.0.0.7"}, "virtual_host"),
        ({"host": "acme:8000"}, "virtual_host"),
        ({"host": "ac me"}, "virtual_host"),
        ({"mail_domain": "no domain"}, "mail_domain"),
        ({"max_users": -1}, "max_users"),
        ({"email": "nobody"}, "email"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_its_field_and_nothing_is_made(
    session: Session, values: dict[str, object], field: str
) -> None:
    with pytest.raises(InstanceError) as caught:
        create(session, **values)  # type: ignore[arg-type]
    assert caught.value.errors.keys() == {field}
    assert session.scalars(select(VirtualInstance)).all() == []
    assert session.scalars(select(User)).all() == []


@pytest.mark.parametrize(
    ("web_id", "host", "field"),
    [
        ("acme", "other", "web_id"),
        ("other", "acme", "virtual_host"),
        ("other", "ACME.example.test", "virtual_host"),
    ],
)
def test_a_name_is_taken_once(session: Session, web_id: str, host: str, field: str) -> None:
    create(session)
    with pytest.raises(InstanceError, match="taken") as caught:
        create(session, web_id, host)
    assert caught.value.errors.keys() == {field}


def test_an_instance_is_found_by_its_web_id_active_or_not(session: Session, make: Factory) -> None:
    instance = make.instance("acme", is_active=False)
    assert find_by_web_id(session, " ACME ").id == instance.id
    with pytest.raises(UnknownInstance, match="'other'"):
        find_by_web_id(session, "other")


def test_what_changes_is_told_to_the_trail_and_what_does_not_is_not(session: Session) -> None:
    instance = create(session)
    change(session, instance)
    assert "instance changed" not in trail(session)
    change(session, instance, max_users=9, virtual_host="photos.acme.net")
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "instance changed")).one()
    assert (event.actor, event.instance_id) == ("boss", None)
    assert sorted(event.changes) == [["Max Users", 0, 9], ["Virtual Host", "acme", "photos.acme.net"]]


def test_the_default_instance_keeps_its_names_and_stays_on(session: Session, make: Factory) -> None:
    instance = make.instance("default", virtual_host=BASE)
    change(session, instance, web_id="other", virtual_host="other", max_users=3)
    found = session.scalars(select(VirtualInstance)).one()
    assert (found.web_id, found.virtual_host, found.max_users) == ("default", BASE, 3)
    with pytest.raises(InstanceError, match="cannot be deactivated"), unit_of_work(session) as work:
        set_active(work, found, False, actor="boss")


def test_an_instance_is_switched_off_and_on_once_each(session: Session) -> None:
    instance = create(session)
    for active in (False, False, True, True):
        with unit_of_work(session) as work:
            set_active(work, instance, active, actor="boss")
        assert instance.is_active is active
    assert trail(session)[-2:] == ["instance deactivated", "instance activated"]
    assert trail(session).count("instance deactivated") == 1


def test_the_list_counts_what_each_instance_has_and_begins_with_the_default_one(
    session: Session, make: Factory
) -> None:
    acme, default = make.instance("acme"), make.instance("default")
    make.user(acme)
    make.user(acme, is_active=False)
    make.document(acme)
    make.document(acme, deleted_at=utc_now())
    scope_to_instance(session, default.id)
    found = [(one.instance.web_id, one.users, one.documents) for one in list_instances(session)]
    assert found == [("default", 0, 0), ("acme", 1, 1)]
