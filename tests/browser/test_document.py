"""The page of one document: stepping, the tag editor by keyboard, why these tags, versions, without scripts as well."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.looks import examine

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

PATIENCE = 60_000
LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellsc"


@dataclass(frozen=True, slots=True)
class Library:
    """An installation with a document in each state; the first three are named to be stepped through."""

    installation: Installation
    ids: dict[str, int]

    def path(self, name: str, query: str = "") -> str:
        return f"/documents/{self.ids[name]}{query}"


def assign(installation: Installation, document_id: int, name: str, confidence: float) -> None:
    """Let a provider have said a name, so that the tests need no photographs and no certain model."""
    change, owner = installation.database.change, "(SELECT instance_id FROM document WHERE id = :document)"
    change(
        "INSERT INTO tag (instance_id, name, normalized_name, created_at)"
        f" VALUES ({owner}, :name, :name, '2026-05-03 10:00:00') ON CONFLICT DO NOTHING",
        document=document_id,
        name=name,
    )
    change(
        "INSERT INTO tag_assignment (instance_id, document_id, tag_id, source, provider, model, confidence,"
        f" created_at) SELECT {owner}, :document, id, 'auto', 'tensorflow', 'efficientnet-lite0', :confidence,"
        " '2026-05-03 10:00:00' FROM tag WHERE normalized_name = :name ON CONFLICT DO NOTHING",
        document=document_id,
        name=name,
        confidence=confidence,
    )


@pytest.fixture(scope="module")
def library(installation: Installation, make_pictures: Callable[[int], list[bytes]]) -> Library:
    client = installation.client()
    names = ("a first", "b second", "c third", "many", "quarantined", "none")
    contents = {f"{name}.jpg": content for name, content in zip(names, make_pictures(6), strict=True)}
    contents |= {
        "file.pdf": b"%PDF-1.4 not a picture",
        "failed.jpg": b"A letter.\n",
        f"{LONG}.txt": b"Long.\n",
    }
    ids = {name.partition(".")[0]: client.upload(name, content) for name, content in contents.items()}
    installation.wait_final(ids.values())
    change = installation.database.change
    for name in ("b second", "none"):
        change("DELETE FROM tag_assignment WHERE document_id = :id", id=ids[name])
    for tag, confidence in (("tabby", 0.85), ("sofa", 0.4)):
        assign(installation, ids["b second"], tag, confidence)
    change(
        "UPDATE document SET tagging_state = 'quarantined', tagging_reason = 'The image stopped the process 2 times.'"
        " WHERE id = :id",
        id=ids["quarantined"],
    )
    token = client.csrf_token()
    many = ",".join(f"topic {number} of the picture" for number in range(30)) + f",{LONG[:75]}"
    client.post(f"/documents/{ids['many']}/tags", data={"csrf_token": token, "names": many})
    return Library(installation, ids)


def chip(page: Page, name: str) -> Locator:
    return page.locator(
        "[data-tags] .chip", has=page.locator(".chip-name", has_text=re.compile(rf"^{name}$"))
    )


def stay(page: Page) -> None:
    """Leave a mark that a reload would wipe off."""
    page.evaluate("document.body.dataset.same = 'yes'")


def expect_no_reload(page: Page) -> None:
    assert page.evaluate("document.body.dataset.same") == "yes"


def test_the_arrow_keys_step_through_the_list_that_one_came_from(
    library: Library, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(library.installation)
    visitor.go(library.path("a first", "?order=name"))
    page = visitor.page
    heading = page.get_by_role("heading", level=1)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("ArrowRight")
    expect(heading).to_have_text("b second")
    page.get_by_role("link", name="Next: c third").click()
    expect(heading).to_have_text("c third")
    page.wait_for_load_state("networkidle")
    page.get_by_label("Add tags").fill("typing")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    expect(heading).to_have_text("c third")
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text("b second")
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(f"{library.installation.address}/documents?order=name")


def test_tags_are_edited_by_keyboard_alone_without_a_reload(
    library: Library, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(library.installation)
    visitor.go(library.path("c third"))
    page = visitor.page
    page.wait_for_load_state("networkidle")
    stay(page)
    field = page.get_by_label("Add tags")
    field.focus()
    page.keyboard.type("garden, tab")
    expect(page.get_by_role("option", name="tabby", exact=True)).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="tabby", exact=True)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(field).to_have_value("garden, tabby, ")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.press("Enter")
    for name in ("garden", "tabby"):
        expect(chip(page, name)).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    page.keyboard.type("b{d")
    page.keyboard.press("Enter")
    visitor.expect_complaint("422")
    expect(page.locator("[data-tag-error]")).to_contain_text("cannot contain {")
    expect(field).to_have_value("b{d")
    chip(page, "garden").get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(chip(page, "garden")).to_have_count(0)
    page.keyboard.press("Tab")
    undo = page.get_by_role("button", name="Undo the removal of garden")
    undo.focus()
    page.keyboard.press("Space")
    expect(chip(page, "garden")).to_be_visible()
    expect(undo).to_have_count(0)
    expect_no_reload(page)


def test_a_removed_automatic_tag_comes_back_automatic_and_unremembered(
    library: Library, open_window: Callable[..., Visitor]
) -> None:
    database, document_id = library.installation.database, library.ids["b second"]
    rejections = "SELECT count(*) FROM tag_rejection WHERE document_id = :id"
    visitor = open_window(library.installation)
    visitor.go(library.path("b second"))
    page = visitor.page
    page.wait_for_load_state("networkidle")
    expect(chip(page, "tabby")).to_contain_text("85")
    chip(page, "tabby").get_by_role("button").click()
    expect(chip(page, "tabby")).to_have_count(0)
    expect(chip(page, "sofa").get_by_role("button")).to_be_focused()
    assert database.value(rejections, id=document_id) == 1
    page.get_by_role("button", name="Undo the removal of tabby").click()
    expect(chip(page, "tabby")).to_have_class(re.compile("chip-automatic"))
    expect(chip(page, "tabby")).to_contain_text("85")
    assert database.value(rejections, id=document_id) == 0


def test_two_people_edit_the_same_tags_and_both_edits_are_there(
    library: Library, open_window: Callable[..., Visitor]
) -> None:
    ann, ben = (open_window(library.installation) for _ in range(2))
    for visitor in (ann, ben):
        visitor.go(library.path("a first"))
        visitor.page.wait_for_load_state("networkidle")
    for visitor, name in ((ann, "from ann"), (ben, "from ben")):
        visitor.page.get_by_label("Add tags").fill(name)
        visitor.page.keyboard.press("Enter")
        expect(chip(visitor.page, name)).to_be_visible()
    expect(chip(ben.page, "from ann")).to_be_visible()


def test_why_these_tags_lists_every_prediction_with_its_decision(
    library: Library, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(library.installation)
    visitor.go(library.path("a first"))
    page = visitor.page
    page.get_by_text("Why these tags").click()
    rows = page.locator(".why-table tbody tr")
    expect(rows).to_have_count(20)
    expect(rows.last).to_contain_text("Below the threshold")
    expect(page.get_by_text("Confidence threshold in force: 10")).to_be_visible()
    page.get_by_text("History of tagging").click()
    expect(page.locator(".attempt")).to_have_count(1)


def picture(colour: str) -> dict[str, Any]:
    content = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(content, "PNG")
    return {"name": f"{colour}.png", "mimeType": "image/png", "buffer": content.getvalue()}


def test_a_new_version_shows_its_own_picture_and_the_old_one_is_restored(
    library: Library, open_window: Callable[..., Visitor], make_pictures: Callable[[int], list[bytes]]
) -> None:
    installation = library.installation
    document_id = installation.client().upload("versions.jpg", make_pictures(1)[0])
    installation.wait_final([document_id])
    visitor = open_window(installation)
    visitor.go(f"/documents/{document_id}")
    page = visitor.page
    page.wait_for_load_state("networkidle")
    preview = page.locator("img.preview")
    before = preview.get_attribute("src")

    def upload(colour: str) -> None:
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Upload new version").click()
        chooser.value.set_files(picture(colour))

    upload("teal")
    expect(page.get_by_text("Version 2 is uploaded.")).to_be_visible()
    expect(page.locator(".version").first).to_contain_text("teal.png")
    expect(page.get_by_text("300 \u00d7 200 pixels")).to_be_visible(timeout=PATIENCE)
    expect(preview).not_to_have_attribute("src", before or "")
    assert preview.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") == 300
    page.wait_for_load_state("networkidle")
    visitor.expect_complaint("422")
    upload("teal")
    expect(page.locator("[data-version-error]")).to_contain_text("same content as the current version")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("Version 1 is restored.")).to_be_visible()
    expect(page.locator(".version")).to_have_count(3)
    expect(preview).to_have_attribute("src", before or "", timeout=PATIENCE)


def test_all_of_it_works_without_scripts(
    library: Library, open_window: Callable[..., Visitor], make_pictures: Callable[[int], list[bytes]]
) -> None:
    installation = library.installation
    document_id = installation.client().upload("plain.jpg", make_pictures(1)[0])
    installation.wait_final([document_id])
    visitor = open_window(installation, scripts=False)
    visitor.go(f"/documents/{document_id}?order=name")
    page = visitor.page
    page.get_by_text("Edit title and description").click()
    page.get_by_label("Title").fill("Written by hand")
    page.get_by_label("Description").fill("Two\nlines")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Written by hand")
    page.get_by_label("Add tags").fill("by hand")
    page.get_by_role("button", name="Add", exact=True).click()
    chip(page, "by hand").get_by_role("button").click()
    expect(chip(page, "by hand")).to_have_count(0)
    page.get_by_role("button", name="Undo the removal of by hand").click()
    expect(chip(page, "by hand")).to_be_visible()
    page.get_by_label("New version", exact=True).set_input_files([picture("olive")])
    page.get_by_role("button", name="Upload new version").click()
    expect(page.locator(".version")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?order=name"))


STATES = ("a first", "b second", "many", "quarantined", "none", "file", "failed", LONG)


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
def test_every_state_is_accessible_and_fits_its_window(
    library: Library, open_window: Callable[..., Visitor], narrow: bool
) -> None:
    visitor = open_window(library.installation, narrow=narrow, dark=narrow)
    page = visitor.page
    for name in STATES:
        visitor.go(library.path(name, "?order=name"))
        page.wait_for_load_state("networkidle")
        for fold in page.locator("details.fold, details.edit-texts").all():
            fold.evaluate("(element) => { element.open = true }")
        examine(page, f"document-{name[:12].replace(' ', '-')}", narrow)
