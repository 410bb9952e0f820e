"""Virtual instances in the browser: added with their administrator, changed, switched off."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.administration import find_by_web_id
from autotag.instances.people import authenticate
from autotag.models import Role, VirtualInstance
from tests.unit.blueprints.conftest import Browser, parsed, said
from tests.unit.conftest import Factory

INSTANCES = "/control-panel/instances"
GLOBEX = {
    "web_id": "globex",
    "virtual_host": "globex",
    "mail_domain": "globex.example",
    "max_users": "5",
    "email": "eva@globex.example",
}
Open = Callable[..., Browser]


def rows(page: BeautifulSoup) -> dict[str, list[str]]:
    """The table by Web ID."""
    cells = [[cell.get_text().strip() for cell in row.find_all("td")] for row in page.select("tbody tr")]
    return {web_id: others for _id, web_id, *others in cells}


def test_an_instance_is_added_with_its_administrator(
    system_administrator: Browser, sessions: sessionmaker[Session]
) -> None:
    assert system_administrator.post(f"{INSTANCES}/add", GLOBEX).status_code == 303
    page = system_administrator.page(INSTANCES)
    password = page.find(id="shown-once-password").get_text()
    assert rows(page)["globex"] == ["globex", "globex.example", "1 of 5", "0", "Active"]
    with sessions() as session:
        instance = find_by_web_id(session, "globex")
        user = authenticate(session, instance.id, GLOBEX["email"], password)
        assert user is not None
        assert user.role is Role.ADMINISTRATOR
    assert password not in system_administrator.get(INSTANCES).text


def test_an_address_of_the_default_instance_can_be_used_again(system_administrator: Browser) -> None:
    answer = system_administrator.post(
        f"{INSTANCES}/add", GLOBEX | {"email": system_administrator.user.email}
    )
    assert answer.status_code == 303


def test_the_table_counts_every_instance(
    system_administrator: Browser, acme: VirtualInstance, make: Factory
) -> None:
    make.user(acme)
    make.user(acme, is_active=False)
    for _ in range(3):
        make.document(acme)
    table = rows(system_administrator.page(INSTANCES))
    assert list(table) == ["default", "acme"]
    assert table["acme"][2:4] == ["1", "3"]
    assert table["default"][2:4] == ["1", "0"]


def test_a_link_leads_to_the_instance_with_the_right_port(
    system_administrator: Browser, make: Factory, acme: VirtualInstance
) -> None:
    make.instance("full", virtual_host="photos.example.com")
    page = system_administrator.client.get(INSTANCES, base_url="http://localhost:8222/")
    links = [link["href"] for link in parsed(page).select("tbody a") if link["href"].startswith("http")]
    assert links == [
        "http://localhost:8222/",
        "http://acme.localhost:8222/",
        "http://photos.example.com:8222/",
    ]


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"web_id": "no good"}, "web_id", "Enter letters a to z"),
        ({"virtual_host": "localhost"}, "virtual_host", "Enter a name under localhost"),
        ({"max_users": "many"}, "max_users", "Enter a whole number; 0 means no limit."),
        ({"max_users": "-1"}, "max_users", "Enter a whole number; 0 means no limit."),
        ({"mail_domain": "a b"}, "mail_domain", "Enter a domain"),
        ({"email": "nobody"}, "email", "is no e-mail address"),
        ({"password": "short"}, "password", "A password has 10 to 256"),
        ({"web_id": "acme", "virtual_host": "other"}, "web_id", "acme is taken"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_made(
    system_administrator: Browser, changed: dict[str, str], field: str, reason: str
) -> None:
    answer = system_administrator.post(f"{INSTANCES}/add", GLOBEX | changed)
    assert answer.status_code == 422
    assert reason in parsed(answer).find(id=f"{field}-error").get_text()
    assert list(rows(system_administrator.page(INSTANCES))) == ["default", "acme"]


def test_an_instance_is_changed(system_administrator: Browser, acme: VirtualInstance) -> None:
    path = f"{INSTANCES}/{acme.id}"
    assert system_administrator.page(path).find(id="web_id")["value"] == "acme"
    sent = {"web_id": "acme", "virtual_host": "news", "mail_domain": "", "max_users": ""}
    assert system_administrator.post(path, sent).status_code == 303
    assert rows(system_administrator.page(INSTANCES))["acme"][0] == "news"
    for wrong in ({"max_users": "x"}, {"virtual_host": "localhost"}):
        assert system_administrator.post(path, sent | wrong).status_code == 422


def test_an_instance_that_is_switched_off_answers_nobody(
    system_administrator: Browser, administrator: Browser, acme: VirtualInstance
) -> None:
    assert system_administrator.post(f"{INSTANCES}/{acme.id}/deactivate").status_code == 303
    assert administrator.get("/documents").status_code == 404
    assert "Deactivated" in rows(system_administrator.page(INSTANCES))["acme"]
    assert system_administrator.post(f"{INSTANCES}/{acme.id}/activate").status_code == 303
    assert administrator.get("/documents").status_code == 200


def test_the_default_instance_stays_as_it_is(
    system_administrator: Browser, default_instance: VirtualInstance
) -> None:
    path = f"{INSTANCES}/{default_instance.id}"
    page = system_administrator.page(path)
    assert page.find(id="web_id").has_attr("readonly")
    assert not page.find("button", string="Deactivate")
    answer = system_administrator.post(f"{path}/deactivate")
    assert answer.status_code == 422
    assert "cannot be deactivated" in said(parsed(answer))
    system_administrator.post(path, {"web_id": "other", "virtual_host": "other", "max_users": "3"})
    assert rows(system_administrator.page(INSTANCES))["default"][:3] == ["localhost", "none", "1 of 3"]
