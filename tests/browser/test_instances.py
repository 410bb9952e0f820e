"""Two virtual instances made in a browser: what one of them sets is its own, and nobody looks across."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import examine_each_way
from tests.browser.test_settings import (
    INSTANCE,
    INSTANCE_SCOPE,
    MASTER_SWITCH,
    SYSTEM,
    SYSTEM_SCOPE,
    TENSORFLOW_SWITCH,
    error_of,
    forget_settings,
    open_entry,
    save,
    sign_in,
    sign_in_first,
)
from tests.browser.test_uploads import card, choose, expect_done

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

PASSWORD = "battery staple horse"
TENSORFLOW = "TensorFlow Image Auto Tagging"
ASSETS = "Asset Auto Tagging"


@dataclass(frozen=True, slots=True)
class Sites:
    """An installation with acme and globex, and the cookies of their administrators' browsers."""

    installation: Installation
    cookies: dict[str, list[Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def address(self, web_id: str) -> str:
        return f"http://{web_id}.localhost:{self.installation.port}"


def add_instance(page: Page, web_id: str, password: str) -> None:
    """Make an instance with its administrator, the way a person does."""
    page.get_by_role("main").get_by_role("link", name="Add").click()
    page.get_by_label("Web ID").fill(web_id)
    page.get_by_label("Virtual Host").fill(web_id)
    page.get_by_label("Mail Domain").fill(f"{web_id}.test")
    page.get_by_label("E-mail").fill(f"admin@{web_id}.test")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").filter(has_text=web_id)).to_be_visible()


@pytest.fixture(scope="module")
def sites(start_installation: Callable[..., Installation], browser: Browser) -> Sites:
    """acme, whose administrator's password is generated, and globex, whose was typed; both are signed in."""
    found = Sites(start_installation(workers=1, quick_start=False))
    installation = found.installation
    context = browser.new_context()
    cookies = installation.client().session.cookies.items()
    context.add_cookies(
        [{"name": name, "value": value, "url": installation.address} for name, value in cookies]
    )
    page = context.new_page()
    page.goto(f"{installation.address}/control-panel/instances")
    add_instance(page, "acme", "")
    found.made["acme"] = page.locator("#shown-once-password").inner_text()
    add_instance(page, "globex", PASSWORD)
    expect(page.locator("#shown-once-password")).to_have_count(0)
    found.made["globex"] = PASSWORD
    context.close()
    for web_id, password in found.made.items():
        context = browser.new_context()
        page = context.new_page()
        page.goto(found.address(web_id))
        enter = sign_in if password == PASSWORD else sign_in_first
        enter(page, f"admin@{web_id}.test", password)
        found.cookies[web_id] = context.cookies()
        context.close()
    return found


@pytest.fixture
def visit(sites: Sites, open_window: Callable[..., Visitor]) -> Callable[..., Visitor]:
    """Opens a window at an instance in which nothing was saved yet, as its administrator or as a stranger."""
    forget_settings(sites.installation)

    def visit(web_id: str = "", *, signed_in: bool = True) -> Visitor:
        visitor = open_window(sites.installation, signed_in=signed_in and not web_id)
        if web_id:
            visitor.address = sites.address(web_id)
            if signed_in:
                visitor.page.context.add_cookies(sites.cookies[web_id])
        return visitor

    return visit


@pytest.fixture
def pictures(picture_files: Callable[..., list[Path]]) -> Callable[[str], Path]:
    """Writes one new picture with this name."""

    def write(name: str) -> Path:
        return picture_files(name)[0]

    return write


def upload(visitor: Visitor, path: Path) -> None:
    """Upload a picture and open its page when it has come to its end."""
    page = visitor.page
    visitor.go("/documents")
    choose(page, path)
    expect_done(card(page, path.stem))
    page.get_by_role("link", name=path.stem, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(path.stem)


def expect_tagged(visitor: Visitor) -> None:
    expect(visitor.page.get_by_role("region", name="Tags").locator(".chip-name").first).to_be_visible()
    expect(visitor.page.locator(".state")).to_have_count(0)


def expect_skipped(visitor: Visitor, *reasons: str) -> None:
    for reason in reasons:
        expect(visitor.page.locator(".state")).to_contain_text(reason)
    expect(visitor.page.get_by_role("region", name="Tags").locator(".chip-name")).to_have_count(0)


def switch_tensorflow_on_for_all(system: Visitor) -> None:
    """Whatever the picture, something is recognised at a threshold of 0."""
    page = system.page
    system.go(f"{SYSTEM}/tensorflow")
    page.get_by_label(TENSORFLOW_SWITCH).check()
    page.get_by_label("Confidence Threshold").fill("0")
    save(page)
    expect(page.get_by_text("Set as the default of all instances.")).to_be_visible()


def test_an_instance_switches_tensorflow_off_for_itself_and_inherits_it_again_after_a_reset(
    visit: Callable[..., Visitor], pictures: Callable[[str], Path]
) -> None:
    system, acme, globex = visit(), visit("acme"), visit("globex")
    switch_tensorflow_on_for_all(system)
    page = open_entry(acme, "Instance Settings", TENSORFLOW)
    expect(page.get_by_role("note")).to_contain_text("inherited from System Settings")
    expect(page.get_by_label(TENSORFLOW_SWITCH)).to_be_checked()
    page.get_by_label(TENSORFLOW_SWITCH).uncheck()
    save(page)
    expect(page.get_by_text("Set for this instance.")).to_be_visible()

    upload(acme, pictures("while off.jpg"))
    expect_skipped(acme, TENSORFLOW_SWITCH, "switched off in Instance Settings")
    examine_each_way(acme.page, "document-skipped")
    upload(globex, pictures("elsewhere.jpg"))
    expect_tagged(globex)

    acme.go(f"{INSTANCE}/tensorflow")
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Reset Default Values").click()
    expect(page.get_by_role("note")).to_contain_text("inherited from System Settings")
    upload(acme, pictures("after the reset.jpg"))
    expect_tagged(acme)


def test_the_master_switch_skips_in_every_instance_and_hides_the_other_entries_in_both_areas(
    visit: Callable[..., Visitor], pictures: Callable[[str], Path]
) -> None:
    system, acme, globex = visit(), visit("acme"), visit("globex")
    switch_tensorflow_on_for_all(system)
    page = open_entry(system, "System Settings", ASSETS, "SYSTEM SCOPE")
    page.get_by_label(MASTER_SWITCH).uncheck()
    save(page)
    links = page.get_by_role("navigation", name="Assets").get_by_role("link")
    expect(links.first).to_have_text(ASSETS)
    assert [text for text in links.all_inner_texts() if text in SYSTEM_SCOPE + INSTANCE_SCOPE] == [ASSETS]
    examine_each_way(page, "settings-master-switch-off")
    system.go(f"{SYSTEM}/tensorflow")
    expect(page).to_have_url(re.compile("/asset-auto-tagging-system$"))
    expect(page.get_by_role("alert")).to_contain_text("its other settings are hidden")
    system.go(f"{SYSTEM}?q=tensorflow")
    expect(page.locator(".found-title")).to_have_count(0)

    for visitor, name in ((acme, "off in acme.jpg"), (globex, "off in globex.jpg")):
        upload(visitor, pictures(name))
        expect_skipped(visitor, MASTER_SWITCH, "switched off in System Settings")
        for path in ("/tensorflow", "/asset-auto-tagging", "/category/assets"):
            visitor.go(f"{INSTANCE}{path}")
            expect(visitor.page.get_by_role("heading", name="Auto tagging is switched off")).to_be_visible()
            expect(visitor.page.get_by_role("navigation", name="Assets")).to_have_count(0)
    examine_each_way(acme.page, "instance-settings-switched-off")

    system.go(f"{SYSTEM}/asset-auto-tagging-system")
    page.get_by_label(MASTER_SWITCH).check()
    save(page)
    upload(acme, pictures("on again.jpg"))
    expect_tagged(acme)


def test_an_instance_stays_under_the_maximum_of_the_system_and_is_told_so_beside_the_field(
    visit: Callable[..., Visitor], pictures: Callable[[str], Path]
) -> None:
    system, acme = visit(), visit("acme")
    acme.expect_complaint("422")
    switch_tensorflow_on_for_all(system)
    page = system.page
    system.go(f"{SYSTEM}/asset-auto-tagging-system")
    page.get_by_label("Maximum Number of Tags").fill("2")
    save(page)
    page = acme.page
    for refused in ("3", "0"):
        acme.go(f"{INSTANCE}/asset-auto-tagging")
        expect(page.get_by_label("Maximum Number of Tags")).to_have_value("0")
        expect(page.get_by_label("Update Auto Tags")).not_to_be_checked()
        page.get_by_label("Maximum Number of Tags").fill(refused)
        page.get_by_label("Update Auto Tags").check()
        page.get_by_role("button", name="Save").click()
        expect(error_of(page, "Maximum Number of Tags")).to_have_text(
            "System Settings allow 2 tags at most: enter a number from 1 to 2."
        )
        expect(page.get_by_label("Maximum Number of Tags")).to_have_value(refused)
        expect(page.get_by_label("Update Auto Tags")).to_be_checked()
    examine_each_way(page, "instance-settings-over-the-maximum")
    upload(acme, pictures("at most two.jpg"))
    expect(page.get_by_role("region", name="Tags").locator(".chip-name")).to_have_count(2)
    acme.go(f"{INSTANCE}/asset-auto-tagging")
    page.get_by_label("Maximum Number of Tags").fill("1")
    save(page)
    upload(acme, pictures("at most one.jpg"))
    expect(page.get_by_role("region", name="Tags").locator(".chip-name")).to_have_count(1)


def test_the_pages_of_the_instances_say_what_there_is_and_each_leads_to_its_own_host(
    sites: Sites, visit: Callable[..., Visitor]
) -> None:
    system = visit()
    page = system.page
    system.go("/control-panel")
    examine_each_way(page, "control-panel")
    page.get_by_role("main").get_by_role("link", name="Virtual Instances").click()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.first.get_by_role("columnheader")).to_have_text(
        ["ID", "Web ID", "Virtual Host", "Mail Domain", "Users", "Documents", "State"]
    )
    cells = rows.filter(has_text="acme").get_by_role("cell")
    number = sites.installation.database.value("SELECT id FROM virtual_instance WHERE web_id = 'acme'")
    expect(cells.nth(0)).to_have_text(str(number))
    expect(cells.nth(3)).to_have_text("acme.test")
    examine_each_way(page, "instances")
    expect(rows.filter(has_text="acme").get_by_role("link", name="acme").nth(1)).to_have_attribute(
        "href", f"{sites.address('acme')}/"
    )
    system.go("/control-panel/instances/add")
    examine_each_way(page, "instances-add")
    system.expect_complaint("422")
    page.get_by_label("Web ID").fill("not a web id")
    page.get_by_label("E-mail").fill("admin@initech.test")
    page.get_by_label("Max Users").fill("5")
    page.get_by_role("button", name="Add").click()
    expect(error_of(page, "Web ID")).to_contain_text("Enter letters a to z")
    expect(error_of(page, "Virtual Host")).to_contain_text("Enter a name under localhost")
    expect(page.get_by_label("Max Users")).to_have_value("5")
    examine_each_way(page, "instances-add-refused")
    system.go("/control-panel/instances")
    page.get_by_role("link", name="globex").first.click()
    expect(page.get_by_label("Web ID")).to_have_value("globex")
    examine_each_way(page, "instances-edit")


def test_a_deactivated_instance_answers_nobody_until_it_is_activated(
    sites: Sites, visit: Callable[..., Visitor]
) -> None:
    system, globex, nowhere = visit(), visit("globex"), visit("initech", signed_in=False)
    globex.expect_complaint("404")
    nowhere.expect_complaint("404")
    page = system.page
    assert globex.go("/documents") == 200
    system.go("/control-panel/instances")
    page.get_by_role("link", name="globex").first.click()
    page.get_by_role("button", name="Deactivate").click()
    row = page.get_by_role("row").filter(has_text="globex")
    expect(row).to_contain_text("Deactivated")
    for visitor, host in ((globex, "globex.localhost"), (nowhere, "initech.localhost")):
        assert visitor.go("/documents") == 404
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("No site at this address")
        expect(visitor.page.get_by_text(host)).to_be_visible()
    examine_each_way(nowhere.page, "unknown-host")
    row.get_by_role("link").first.click()
    page.get_by_role("button", name="Activate").click()
    expect(row).to_contain_text("Active")
    assert globex.go("/documents") == 200


def test_a_generated_password_is_shown_once_and_lets_its_owner_in_at_that_instance_only(
    sites: Sites, visit: Callable[..., Visitor]
) -> None:
    acme = visit("acme")
    page = acme.page
    acme.go("/control-panel/users")
    examine_each_way(page, "users")
    page.get_by_role("link", name="Add user").click()
    examine_each_way(page, "users-add")
    page.get_by_label("E-mail").fill("eva@acme.test")
    page.get_by_label("Role").select_option("Editor")
    page.get_by_role("button", name="Add user").click()
    shown = page.locator("#shown-once-password")
    password = shown.inner_text()
    assert len(password) >= 12
    hide_password(page)
    examine_each_way(page, "users-password-shown-once")
    page.reload()
    expect(shown).to_have_count(0)
    assert password not in page.content()
    page.get_by_role("link", name="eva@acme.test").click()
    examine_each_way(page, "users-edit")

    eva = visit("acme", signed_in=False)
    eva.go("/documents")
    sign_in_first(eva.page, "eva@acme.test", password)
    expect(eva.page.get_by_role("link", name="Control Panel")).to_have_count(0)
    eva.expect_complaint("403")
    assert eva.go("/control-panel") == 403
    expect(eva.page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    examine_each_way(eva.page, "not-allowed")
    eva.go("/account")
    expect(eva.page.get_by_role("heading", name="Sessions")).to_be_visible()
    examine_each_way(eva.page, "account")

    stranger = visit("globex", signed_in=False)
    stranger.expect_complaint("422")
    stranger.go("/sign-in")
    stranger.page.get_by_label("E-mail").fill("eva@acme.test")
    stranger.page.get_by_label("Password").fill(password)
    stranger.page.get_by_role("button", name="Sign in").click()
    expect(stranger.page.get_by_role("alert")).to_contain_text("E-mail or password is wrong.")


def hide_password(page: Page) -> None:
    """Pictures are kept, passwords are not: what is on this one never was any."""
    page.locator("#shown-once-password").evaluate(
        "(element) => { element.textContent = 'Xy3-example-9fQ2z'; }"
    )


def test_the_cookie_of_one_instance_opens_nothing_at_another(
    sites: Sites, visit: Callable[..., Visitor]
) -> None:
    visitor = visit("globex", signed_in=False)
    (session,) = [cookie for cookie in sites.cookies["acme"] if cookie["name"] == "autotag"]
    visitor.page.context.add_cookies(
        [{"name": "autotag", "value": session["value"], "url": sites.address("globex")}]
    )
    visitor.go("/documents")
    expect(visitor.page).to_have_url(re.compile(r"globex\.localhost:\d+/sign-in"))
    at_home = visit("acme")
    at_home.go("/documents")
    expect(at_home.page.get_by_role("heading", level=1)).to_have_text("Documents and Media")


def test_an_administrator_of_an_instance_gets_no_page_of_the_installation(
    visit: Callable[..., Visitor],
) -> None:
    acme = visit("acme")
    acme.expect_complaint("403")
    acme.go("/control-panel")
    cards = acme.page.get_by_role("main").get_by_role("heading", level=3)
    expect(cards).to_have_text(["Operations", "Instance Settings", "Webhooks", "Users", "Audit"])
    for path in (SYSTEM, f"{SYSTEM}/tensorflow", "/control-panel/instances", "/control-panel/instances/add"):
        assert acme.go(path) == 403, path


def test_the_audit_trail_says_who_changed_what_from_what_to_what_in_this_instance_alone(
    sites: Sites, visit: Callable[..., Visitor]
) -> None:
    acme = visit("acme")
    acme.go(f"{INSTANCE}/tensorflow")
    page = acme.page
    page.get_by_label(TENSORFLOW_SWITCH).check()
    page.get_by_label("Confidence Threshold").fill("0.35")
    save(page)
    acme.go("/control-panel/audit")
    newest = page.get_by_role("row").nth(1)
    expect(newest).to_contain_text("admin@acme.test")
    expect(newest).to_contain_text(f"{TENSORFLOW} (this instance)")
    expect(newest.get_by_role("listitem")).to_contain_text(["off", "0.1"])
    expect(newest.get_by_role("listitem")).to_contain_text(["on", "0.35"])
    assert "globex" not in page.content()
    examine_each_way(page, "audit")
    system = visit()
    system.go("/control-panel/audit")
    expect(system.page.get_by_role("table")).to_contain_text("Instance created: acme")
    expect(system.page.get_by_role("table")).not_to_contain_text("admin@acme.test")


def test_the_sign_in_of_an_instance_is_its_own(visit: Callable[..., Visitor]) -> None:
    stranger = visit("acme", signed_in=False)
    stranger.go("/documents")
    expect(stranger.page).to_have_url(re.compile(r"acme\.localhost:\d+/sign-in"))
    examine_each_way(stranger.page, "sign-in-of-an-instance")
