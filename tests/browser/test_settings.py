"""System Settings and Instance Settings in a browser, figure by figure of the user's document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from autotag.configuration.entries import find_entry
from autotag.configuration.store import Place, reset
from autotag.models import ConfigurationRecord
from autotag.models.engine import build_session_factory
from autotag.models.unit_of_work import unit_of_work
from tests.browser.looks import examine_each_way
from tests.browser.test_uploads import card, choose, expect_done
from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation, Photograph

pytestmark = pytest.mark.browser

SYSTEM = "/control-panel/system-settings"
INSTANCE = "/control-panel/instance-settings"
NOT_SAVED = "This configuration is not saved yet. The values shown are the default."
SYSTEM_SCOPE = ["Asset Auto Tagging", "TensorFlow Image Auto Tagging Process"]
INSTANCE_SCOPE = [
    "Asset Auto Tagging",
    "TensorFlow Image Auto Tagging",
    "Google Cloud Vision Image Auto Tagging",
    "Microsoft Cognitive Services Image Auto Tagging",
]
TENSORFLOW_SWITCH = "Enable TensorFlow Image Auto Tagging"
MASTER_SWITCH = "Enable Auto Tagging of Assets"


def open_entry(visitor: Visitor, area: str, title: str, scope: str = "VIRTUAL INSTANCE SCOPE") -> Page:
    """Walk the way of the user's document: Control Panel, Configuration, the area, Assets, the entry."""
    page = visitor.page
    visitor.go("/control-panel")
    page.get_by_role("region", name="Configuration").get_by_role("link", name=area).click()
    page.get_by_role("main").get_by_role("link", name="Assets", exact=True).click()
    navigation = page.get_by_role("navigation", name="Assets")
    navigation.get_by_role("list", name=scope).get_by_role("link", name=title, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    return page


def labels(page: Page) -> Locator:
    """The labels of the form, in their order."""
    return page.locator("[data-settings-form] .form-label")


def flash(page: Page, text: str) -> Locator:
    """The message about what has just been done."""
    return page.get_by_role("main").get_by_role("status").filter(has_text=text)


def save(page: Page, expected: str = "Saved.") -> None:
    page.get_by_role("button", name=re.compile("^(Save|Update)$")).click()
    expect(flash(page, expected)).to_be_visible()


def error_of(page: Page, label: str) -> Locator:
    """The reason that is tied to a field for everybody, screen readers included."""
    control = page.get_by_label(label, exact=True)
    expect(control).to_have_attribute("aria-invalid", "true")
    described = control.get_attribute("aria-describedby") or ""
    error = next(part for part in described.split() if part.endswith("-error"))
    return page.locator(f"#{error}")


def sign_in(page: Page, email: str, password: str) -> None:
    give_password(page, email, password)
    expect(page.get_by_role("heading", level=1)).to_have_text("Documents and Media")


def sign_in_first(page: Page, email: str, generated: str) -> None:
    """Sign in with a generated password and replace it, which the site asks for before anything else."""
    give_password(page, email, generated)
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a password")
    page.get_by_label("Current password").fill(generated)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Documents and Media")


def give_password(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def forget_settings(installation: Installation) -> None:
    """Reset every entry at every level, as if nobody had saved anything."""
    sessions = build_session_factory(str(installation.database.engine.url))
    with sessions() as session, unit_of_work(session) as work:
        for record in session.scalars(select(ConfigurationRecord)).all():
            place = Place(find_entry(record.entry), record.level, record.instance_id)
            reset(work, place, "the tests")
    sessions.kw["bind"].dispose()


@pytest.fixture(scope="module")
def plain(start_installation: Callable[..., Installation]) -> Installation:
    """An installation as the user's document describes it: every provider is off."""
    return start_installation(workers=1, quick_start=False)


@pytest.fixture
def site(plain: Installation) -> Installation:
    """The installation, in which nothing was saved yet."""
    forget_settings(plain)
    return plain


@pytest.fixture
def administrator(site: Installation, open_window: Callable[..., Visitor]) -> Visitor:
    return open_window(site)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the user's document: the entry and the labels that stand in its form, in that order."""

    number: int
    title: str
    labels: tuple[str, ...]
    added: tuple[str, ...] = ()
    scope: str = "VIRTUAL INSTANCE SCOPE"

    @property
    def name(self) -> str:
        return f"figure-{self.number}-{self.title.lower().replace(' ', '-')}"


FIGURES = (
    Figure(2, "TensorFlow Image Auto Tagging", (TENSORFLOW_SWITCH, "Confidence Threshold"), ("Model",)),
    Figure(
        3,
        "TensorFlow Image Auto Tagging Process",
        ("Maximum Number of Relaunches", "Maximum Number of Relaunches Time Interval"),
        scope="SYSTEM SCOPE",
    ),
    Figure(
        4,
        "Google Cloud Vision Image Auto Tagging",
        ("API Key", "Enabled"),
        ("Confidence Threshold", "Maximum Number of Calls per Month"),
    ),
    Figure(
        5,
        "Microsoft Cognitive Services Image Auto Tagging",
        ("API Key", "API Endpoint", "Enabled"),
        ("Confidence Threshold", "Maximum Number of Calls per Month"),
    ),
)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"figure-{figure.number}")
def test_a_figure_of_the_users_document_is_found_where_it_says_with_its_labels_and_can_be_saved(
    administrator: Visitor, figure: Figure
) -> None:
    page = open_entry(administrator, "System Settings", figure.title, figure.scope)
    # A page that is still coming has none.
    expect(labels(page)).to_have_count(len({*figure.labels, *figure.added}))
    shown = labels(page).all_inner_texts()
    assert [label for label in shown if label not in figure.added] == list(figure.labels)
    assert set(shown) == {*figure.labels, *figure.added}
    for label in shown:
        control = page.get_by_label(label, exact=True)
        expect(control).to_be_visible()
        assert control.get_attribute("aria-describedby")
    expect(page.get_by_role("note")).to_have_text(NOT_SAVED)
    expect(page.get_by_label("More actions")).to_have_count(0)
    examine_each_way(page, figure.name)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(flash(page, "Saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Update", exact=True)).to_be_visible()
    expect(page.get_by_text(NOT_SAVED)).to_have_count(0)
    expect(page.get_by_text("Saved by admin@localhost")).to_be_visible()


def test_figure_1_shows_the_tags_that_were_applied_by_themselves(
    administrator: Visitor, photographs: list[Photograph]
) -> None:
    page = administrator.page
    administrator.go(f"{SYSTEM}/tensorflow")
    page.get_by_label(TENSORFLOW_SWITCH).check()
    save(page, "Images uploaded from now on are tagged.")
    administrator.go("/documents")
    chosen = {item.label: item for item in photographs if item.label in ("espresso", "tripod")}
    choose(page, *(item.path for item in chosen.values()))
    for label, item in chosen.items():
        found = card(page, item.path.stem)
        expect_done(found)
        expect(found.locator(".chip-name").first).to_have_text(label)
    card(page, "coffee").get_by_role("link", name="coffee", exact=True).click()
    tags = page.get_by_role("region", name="Tags")
    expect(tags).to_contain_text("espresso")
    expect(tags).to_contain_text("Automatic tags are in English.")
    page.wait_for_load_state("networkidle")
    examine_each_way(page, "figure-1-espresso")


def test_the_overview_leads_to_each_category_and_finds_entries_by_what_they_say(
    administrator: Visitor,
) -> None:
    page = administrator.page
    administrator.go(SYSTEM)
    cards = page.get_by_role("main").get_by_role("listitem").get_by_role("heading", level=2)
    expect(cards).to_have_text(["Assets", "Documents and Media", "People"])
    examine_each_way(page, "system-settings-overview")
    for text, found in {
        "google": ["Google Cloud Vision Image Auto Tagging"],
        "relaunches": ["TensorFlow Image Auto Tagging Process"],
        "API Endpoint": ["Microsoft Cognitive Services Image Auto Tagging"],
        "megapixels": ["Documents and Media"],
        "zebra": [],
    }.items():
        page.get_by_role("searchbox", name="Search settings").fill(text)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", level=2)).to_contain_text(f"“{text}”")
        expect(page.locator(".found-title")).to_have_text(found)
    expect(page.get_by_role("heading", level=2)).to_have_text("0 entries for “zebra”")
    page.get_by_role("searchbox", name="Search settings").fill("threshold")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".found-title")).to_have_text(INSTANCE_SCOPE[1:])
    examine_each_way(page, "system-settings-search")


def test_the_side_navigation_has_the_scopes_and_entries_of_the_users_document(administrator: Visitor) -> None:
    page = open_entry(administrator, "System Settings", "Asset Auto Tagging", "SYSTEM SCOPE")
    expect(labels(page)).to_have_text([MASTER_SWITCH, "Maximum Number of Tags"])
    navigation = page.get_by_role("navigation", name="Assets")
    for scope, entries in (("SYSTEM SCOPE", SYSTEM_SCOPE), ("VIRTUAL INSTANCE SCOPE", INSTANCE_SCOPE)):
        links = navigation.get_by_role("list", name=scope).get_by_role("link")
        expect(links.first).to_have_text(entries[0])
        assert [text for text in links.all_inner_texts() if text in entries] == entries
    trail = page.get_by_role("navigation", name="Breadcrumb").get_by_role("listitem")
    expect(trail).to_have_text(
        ["Control Panel", "Configuration", "System Settings", "Assets", "Asset Auto Tagging"]
    )
    examine_each_way(page, "system-settings-asset-auto-tagging")
    navigation.get_by_role("list", name="VIRTUAL INSTANCE SCOPE").get_by_role("link").first.click()
    expect(labels(page)).to_have_text([MASTER_SWITCH, "Maximum Number of Tags", "Update Auto Tags"])
    expect(page.get_by_label(MASTER_SWITCH)).to_be_checked()
    administrator.go(f"{SYSTEM}/documents-and-media")
    expect(labels(page)).to_have_text(
        [
            "Maximum Upload Size",
            "Maximum Pixels",
            "Allowed Extensions",
            "Import keywords from files",
            "Maximum Number of Files",
            "Maximum Storage",
        ]
    )
    examine_each_way(page, "system-settings-documents-and-media")


def test_instance_settings_say_where_values_come_from_and_a_reset_brings_the_inherited_ones_back(
    administrator: Visitor,
) -> None:
    page = administrator.page
    administrator.go(f"{INSTANCE}/tensorflow")
    expect(page.get_by_role("note")).to_have_text(NOT_SAVED)
    administrator.go(f"{SYSTEM}/tensorflow")
    page.get_by_label("Confidence Threshold").fill("0.25")
    save(page)

    open_entry(administrator, "Instance Settings", "TensorFlow Image Auto Tagging")
    expect(page.get_by_role("navigation", name="Assets").get_by_role("link")).to_have_text(INSTANCE_SCOPE)
    expect(page.get_by_role("note")).to_contain_text("inherited from System Settings")
    expect(page.get_by_label("Confidence Threshold")).to_have_value("0.25")
    examine_each_way(page, "instance-settings-inherited")

    page.get_by_label("Confidence Threshold").fill("0.75")
    save(page)
    expect(page.get_by_text("Set for this instance.")).to_be_visible()
    expect(page.get_by_label("Confidence Threshold")).to_have_value("0.75")
    page.get_by_label("More actions").click()
    examine_each_way(page, "instance-settings-own-with-menu")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename == "autotag.tensorflow.config"
    assert 'confidence_threshold="0.75"' in download.value.path().read_text()
    if not page.get_by_role("button", name="Reset Default Values").is_visible():
        page.get_by_label("More actions").click()
    page.get_by_role("button", name="Reset Default Values").click()
    expect(page.get_by_role("note")).to_contain_text("inherited from System Settings")
    expect(page.get_by_label("Confidence Threshold")).to_have_value("0.25")
    administrator.go(INSTANCE)
    examine_each_way(page, "instance-settings-overview")


def test_a_wrong_value_comes_back_with_its_reason_and_the_other_fields_kept(administrator: Visitor) -> None:
    administrator.expect_complaint("422")
    page = administrator.page
    for text, reason in {
        "": "Enter a number.",
        "abc": "Enter a number, for example 0.5.",
        "1.5": "Enter a number from 0 to 1.",
    }.items():
        administrator.go(f"{SYSTEM}/tensorflow")
        expect(page.get_by_text(NOT_SAVED)).to_be_visible()
        expect(page.get_by_label(TENSORFLOW_SWITCH)).not_to_be_checked()
        page.get_by_label(TENSORFLOW_SWITCH).check()
        page.get_by_label("Confidence Threshold").fill(text)
        page.get_by_role("button", name="Save").click()
        expect(error_of(page, "Confidence Threshold")).to_have_text(reason)
        expect(page.get_by_role("alert")).to_contain_text("Nothing is saved.")
        expect(page.get_by_label("Confidence Threshold")).to_have_value(text)
        expect(page.get_by_label(TENSORFLOW_SWITCH)).to_be_checked()
    examine_each_way(page, "settings-refused")
    administrator.go(f"{SYSTEM}/microsoft-cognitive-services")
    page.get_by_label("API Endpoint").fill("no address")
    page.get_by_label("Enabled").check()
    page.get_by_role("button", name="Save").click()
    expect(error_of(page, "API Endpoint")).to_contain_text("Enter a web address, for example https://")
    expect(page.get_by_label("API Endpoint")).to_have_value("no address")


def test_a_stored_key_shows_that_it_is_there_and_is_removed_by_its_own_control_alone(
    administrator: Visitor,
) -> None:
    page = administrator.page
    administrator.go(f"{SYSTEM}/google-cloud-vision")
    page.get_by_label("API Key", exact=True).fill("AIzaSentinel-6f0a")
    page.get_by_label("Enabled").check()
    save(page, "Images uploaded from now on are tagged.")
    expect(page.get_by_text("A key is stored.")).to_be_visible()
    expect(page.get_by_label("API Key", exact=True)).to_have_value("")
    assert "AIzaSentinel-6f0a" not in page.content()
    examine_each_way(page, "settings-stored-key")
    page.get_by_label("Confidence Threshold").fill("0.6")
    save(page)
    expect(page.get_by_text("A key is stored.")).to_be_visible()
    page.get_by_label("Enabled").uncheck()
    page.get_by_label("Remove the stored key").check()
    save(page)
    expect(page.get_by_text("A key is stored.")).to_have_count(0)
    administrator.go("/control-panel/audit")
    expect(page.get_by_role("table")).to_contain_text("API Key")
    assert "AIzaSentinel-6f0a" not in page.content()


def test_the_second_of_two_administrators_is_told_who_was_first_and_loses_nothing(
    site: Installation, open_window: Callable[..., Visitor]
) -> None:
    made = site.run("users", "create", "--email", "eva@localhost", "--role", "system-administrator", "--json")
    first, second = open_window(site, signed_in=False), open_window(site)
    first.go("/sign-in")
    sign_in_first(first.page, "eva@localhost", json.loads(made.stdout)["password"])
    second.expect_complaint("409")
    for visitor in (first, second):
        visitor.go(f"{SYSTEM}/asset-auto-tagging-system")
    first.page.get_by_label("Maximum Number of Tags").fill("5")
    save(first.page)

    page = second.page
    page.get_by_label(MASTER_SWITCH).uncheck()
    page.get_by_label("Maximum Number of Tags").fill("9")
    page.get_by_role("button", name="Save").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("eva@localhost saved this entry on")
    expect(told).to_contain_text("nothing of them is saved yet")
    expect(page.get_by_label("Maximum Number of Tags")).to_have_value("9")
    expect(page.get_by_label(MASTER_SWITCH)).not_to_be_checked()
    expect(page.locator("#field-maximum_number_of_tags-stored")).to_have_text("Now stored: 5")
    expect(page.locator("#field-enabled-stored")).to_have_text("Now stored: on")
    examine_each_way(page, "settings-conflict")
    first.page.reload()
    expect(first.page.get_by_label("Maximum Number of Tags")).to_have_value("5")
    expect(first.page.get_by_label(MASTER_SWITCH)).to_be_checked()

    page.get_by_label(MASTER_SWITCH).check()
    save(page)
    first.page.reload()
    expect(first.page.get_by_label("Maximum Number of Tags")).to_have_value("9")


def test_unsaved_changes_are_told_and_survive_a_look_at_another_page(administrator: Visitor) -> None:
    page = administrator.page
    administrator.go(f"{SYSTEM}/tensorflow-process")
    page.get_by_label("Maximum Number of Relaunches", exact=True).fill("8")
    expect(page.get_by_text("Unsaved changes")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    administrator.go(SYSTEM)
    administrator.go(f"{SYSTEM}/tensorflow-process")
    expect(page.get_by_label("Maximum Number of Relaunches", exact=True)).to_have_value("8")
    page.get_by_role("link", name="Cancel").click()
    administrator.go(f"{SYSTEM}/tensorflow-process")
    expect(page.get_by_label("Maximum Number of Relaunches", exact=True)).to_have_value("5")


def test_settings_are_saved_reset_and_refused_without_scripts(
    site: Installation, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(site, scripts=False)
    visitor.expect_complaint("422")
    page = visitor.page
    visitor.go(f"{SYSTEM}/tensorflow")
    page.get_by_label("Confidence Threshold").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(error_of(page, "Confidence Threshold")).to_be_visible()
    page.get_by_label("Confidence Threshold").fill("0.2")
    save(page)
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Reset Default Values").click()
    expect(page.get_by_role("note")).to_have_text(NOT_SAVED)
