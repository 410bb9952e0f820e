"""Who may use which page of the Control Panel, and what others get."""

from collections.abc import Callable

import pytest

from autotag.models import Role, User, VirtualInstance
from tests.unit.blueprints.conftest import Browser
from tests.unit.conftest import Factory

FOR_SYSTEM = [
    "/control-panel/system-settings",
    "/control-panel/system-settings/category/documents-and-media",
    "/control-panel/system-settings/tensorflow",
    "/control-panel/instances",
    "/control-panel/instances/add",
    "/control-panel/instances/1",
]
FOR_ADMINISTRATORS = [
    "/control-panel",
    "/control-panel/operations",
    "/control-panel/operations/state",
    "/control-panel/instance-settings",
    "/control-panel/instance-settings/category/documents-and-media",
    "/control-panel/instance-settings/tensorflow",
    "/control-panel/users",
    "/control-panel/users/add",
    "/control-panel/audit",
]
POSTS_FOR_SYSTEM = [
    "/control-panel/system-settings/asset-auto-tagging",
    "/control-panel/system-settings/asset-auto-tagging/reset",
    "/control-panel/instances/add",
    "/control-panel/instances/1",
    "/control-panel/instances/1/deactivate",
    "/control-panel/instances/1/activate",
    "/control-panel/operations/process/enable-again",
]
POSTS_FOR_ADMINISTRATORS = [
    "/control-panel/operations/retry?state=failed&reason=x",
    "/control-panel/operations/documents/1/retry",
    "/control-panel/operations/providers/tensorflow/resume",
    "/control-panel/instance-settings/asset-auto-tagging",
    "/control-panel/instance-settings/asset-auto-tagging/reset",
    "/control-panel/users/add",
]

Open = Callable[..., Browser]


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_its_pages_and_links_to_them_only(
    browser: Open, default_instance: VirtualInstance, role: Role
) -> None:
    person = browser(default_instance, role)
    for path in FOR_SYSTEM:
        assert (person.get(path).status_code in (200, 302)) == (role is Role.SYSTEM_ADMINISTRATOR), path
    for path in FOR_ADMINISTRATORS:
        assert (person.get(path).status_code in (200, 302)) == role.includes(Role.ADMINISTRATOR), path
    links = {link["href"] for link in person.page("/documents").find_all("a", href=True)}
    for path in FOR_SYSTEM + FOR_ADMINISTRATORS:
        assert path not in links or person.get(path).status_code == 200
    assert ("/control-panel" in links) == role.includes(Role.ADMINISTRATOR)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_nobody_below_an_administrator_changes_anything(
    browser: Open, default_instance: VirtualInstance, role: Role
) -> None:
    person = browser(default_instance, role)
    for path in POSTS_FOR_SYSTEM + POSTS_FOR_ADMINISTRATORS:
        assert person.post(path).status_code == 403, path


def test_the_administrator_of_another_instance_is_no_system_administrator(administrator: Browser) -> None:
    for path in FOR_SYSTEM:
        assert administrator.get(path).status_code == 403, path
    for path in POSTS_FOR_SYSTEM:
        assert administrator.post(path).status_code == 403, path
    assert "System Settings" not in administrator.page("/control-panel").get_text()


def test_the_overview_has_a_card_for_each_page(system_administrator: Browser) -> None:
    page = system_administrator.page("/control-panel")
    cards = [link.get_text() for link in page.find_all("a", class_="link-card-link")]
    assert cards == [
        "Operations",
        "System Settings",
        "Instance Settings",
        "Webhooks",
        "Virtual Instances",
        "Users",
        "Audit",
    ]


@pytest.fixture
def stranger(make: Factory, default_instance: VirtualInstance) -> User:
    return make.user(default_instance, Role.VIEWER)


def test_another_instances_person_is_not_found(administrator: Browser, stranger: User) -> None:
    nobody = administrator.get("/control-panel/users/99999").text
    found = administrator.get(f"/control-panel/users/{stranger.id}")
    assert found.status_code == 404
    assert found.text == nobody
    for action in ("role", "password", "activate", "deactivate"):
        answer = administrator.post(f"/control-panel/users/{stranger.id}/{action}", {"role": "editor"})
        assert answer.status_code == 404


def test_an_instance_that_is_not_there_is_not_found(system_administrator: Browser) -> None:
    for path in ("", "/activate", "/deactivate"):
        assert system_administrator.post(f"/control-panel/instances/99999{path}").status_code == 404
    assert system_administrator.get("/control-panel/instances/99999").status_code == 404
