import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.instances.directory import ensure_default_instance, find_instance
from autotag.instances.hosts import RequestedHost, parse_host
from autotag.models import VirtualInstance
from tests.unit.conftest import Factory

BASE = "example.test"


@pytest.fixture
def directory(make: Factory) -> None:
    make.instance("default", virtual_host=BASE)
    make.instance("acme-inc", virtual_host="acme")
    make.instance("far", virtual_host="photos.far.net")
    make.instance("closed", virtual_host="closed", is_active=False)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("host", "web_id"),
    [
        ("example.test", "default"),
        ("EXAMPLE.test.:8000", "default"),
        ("127.0.0.1:8000", "default"),
        ("[::1]", "default"),
        ("localhost", "default"),
        ("acme.example.test", "acme-inc"),
        ("photos.far.net", "far"),
        ("acme-inc.example.test", None),
        ("unknown.example.test", None),
        ("deep.acme.example.test", None),
        ("closed.example.test", None),
        ("far.net", None),
        ("evilexample.test", None),
        ("localhost.example.test", None),
        ("default.example.test", None),
        ("127.0.0.2", None),
    ],
)
def test_a_host_leads_to_the_instance_that_was_given_it(
    session: Session, host: str, web_id: str | None
) -> None:
    found = find_instance(session, parse_host(host, BASE))
    assert (found and found.web_id) == web_id


def test_no_instance_is_a_fall_back_for_another(session: Session, make: Factory) -> None:
    make.instance("acme")
    assert find_instance(session, parse_host(BASE, BASE)) is None


def test_the_default_instance_is_made_once(session: Session) -> None:
    first = ensure_default_instance(session, BASE)
    assert first.is_default
    assert (first.virtual_host, first.mail_domain, first.is_active) == (BASE, BASE, True)
    assert ensure_default_instance(session, BASE) is first
    assert session.scalar(select(func.count()).select_from(VirtualInstance)) == 1


def test_another_base_domain_later_makes_no_second_default_instance(session: Session) -> None:
    first = ensure_default_instance(session, BASE)
    assert ensure_default_instance(session, "moved.test") is first


def test_a_single_word_outside_the_base_domain_reaches_nobody(session: Session, make: Factory) -> None:
    make.instance("acme")
    assert find_instance(session, RequestedHost("acme", None)) is None
