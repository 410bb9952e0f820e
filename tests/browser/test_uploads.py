"""Uploading and looking at what became of it, with scripts and without; by keyboard alone: test_keyboard."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, Route, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation, Photograph

pytestmark = pytest.mark.browser

PATIENCE = 60_000


def upload_button(page: Page) -> Locator:
    return page.locator(".top-bar [data-upload-open]")


def choose(page: Page, *paths: Path) -> None:
    with page.expect_file_chooser() as chooser:
        upload_button(page).click()
    chooser.value.set_files(paths)


def expect_scripts_running(page: Page) -> None:
    """Before they run, the upload button opens the plain form."""
    expect(page.locator("html")).to_have_attribute("data-scripts", "on")


def card(page: Page, title: str) -> Locator:
    return page.locator("[data-card]", has=page.get_by_role("link", name=title, exact=True))


def row(page: Page, name: str) -> Locator:
    return page.locator(".upload-row", has_text=name)


def expect_done(found: Locator) -> None:
    """The card has come to its end: it no longer waits, and shows tags or says why there are none."""
    expect(found).not_to_have_attribute("data-pending", re.compile(".*"), timeout=PATIENCE)
    expect(found.locator(".chip, .state").first).to_be_visible()


def test_an_empty_site_offers_the_upload_until_there_is_a_file(
    start_installation: Callable[..., Installation],
    open_window: Callable[..., Visitor],
    picture_files: Callable[..., list[Path]],
) -> None:
    visitor = open_window(start_installation(workers=1))
    visitor.go("/documents")
    page = visitor.page
    offer = page.get_by_role("main").get_by_role("button", name="Upload files")
    with page.expect_file_chooser() as chooser:
        offer.click()
    chooser.value.set_files(picture_files("first.jpg"))
    expect_done(card(page, "first"))
    expect(offer).to_be_hidden()
    expect(page.locator("[data-document-count]")).to_have_text("1 file")


def test_tags_of_uploaded_photographs_appear_without_a_reload(
    installation: Installation, open_window: Callable[..., Visitor], photographs: list[Photograph]
) -> None:
    visitor = open_window(installation)
    visitor.go("/documents")
    page = visitor.page
    page.evaluate("document.body.dataset.sameDocument = 'yes'")
    choose(page, *(item.path for item in photographs))
    for item in photographs:
        found = card(page, item.path.stem)
        expect_done(found)
        expect(found.locator(".chip-name").first).to_have_text(item.label)
        expect(found.locator("img.picture")).to_be_visible()
    assert page.evaluate("document.body.dataset.sameDocument") == "yes"
    expect(page.locator("[data-announcements]")).not_to_be_empty()


def test_a_dropped_file_is_uploaded(
    installation: Installation,
    open_window: Callable[..., Visitor],
    make_pictures: Callable[[int], list[bytes]],
) -> None:
    visitor = open_window(installation)
    visitor.go("/documents")
    page = visitor.page
    content = base64.b64encode(make_pictures(1)[0]).decode()
    transfer = page.evaluate_handle(
        """async (content) => {
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        content,
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": transfer})
    expect(page.locator("[data-drop-overlay]")).to_be_visible()
    page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    expect(page.locator("[data-drop-overlay]")).to_be_hidden()
    expect_done(card(page, "dropped"))


def test_a_refused_file_says_why_beside_its_name_while_the_others_go_on(
    installation: Installation,
    open_window: Callable[..., Visitor],
    picture_files: Callable[..., list[Path]],
    tmp_path: Path,
) -> None:
    visitor = open_window(installation)
    visitor.expect_complaint("422")
    visitor.go("/documents")
    page = visitor.page
    empty = tmp_path / "nothing.jpg"
    empty.touch()
    before, after = picture_files("before.jpg", "after.jpg")
    choose(page, before, empty, after)
    expect(row(page, "nothing.jpg")).to_contain_text("The file is empty.")
    for title in ("before", "after"):
        expect_done(card(page, title))
    expect(card(page, "nothing")).to_have_count(0)
    expect(page.locator("[data-upload-title]")).to_have_text("2 files uploaded, 1 not")


def test_a_bad_image_says_on_its_card_why_it_has_no_tags(
    installation: Installation, open_window: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = open_window(installation)
    visitor.go("/documents")
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear all, this is not a picture.\n")
    choose(visitor.page, letter)
    expect_done(card(visitor.page, "letter"))
    expect(card(visitor.page, "letter")).to_contain_text("its content is not one")


def test_a_document_shows_preview_tags_with_confidence_and_details(
    installation: Installation, open_window: Callable[..., Visitor], photographs: list[Photograph]
) -> None:
    coffee = next(item for item in photographs if item.label == "espresso")
    content = coffee.fresh()
    document_id = installation.client().upload("hot coffee.jpg", content)
    installation.wait_final([document_id])
    visitor = open_window(installation)
    visitor.go("/documents")
    page = visitor.page
    card(page, "hot coffee").locator(".card-link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("hot coffee")
    preview = page.locator("img.preview")
    expect(preview).to_be_visible()
    assert preview.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") > 0
    chip = page.locator(".chip-automatic", has_text="espresso")
    expect(chip.locator(".chip-confidence")).to_have_text(re.compile(r"^\d+\s%$"))
    expect(page.get_by_text("JPEG image")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert download.value.path().read_bytes() == content


def test_a_waiting_document_gets_its_tags_on_its_own_page(
    installation: Installation,
    open_window: Callable[..., Visitor],
    photographs: list[Photograph],
) -> None:
    coffee = next(item for item in photographs if item.label == "espresso")
    for worker in installation.workers():
        worker.suspend()
    try:
        document_id = installation.client().upload("waiting.jpg", coffee.fresh())
        visitor = open_window(installation)
        visitor.go(f"/documents/{document_id}")
        expect(visitor.page.get_by_text("Waiting to be tagged")).to_be_visible()
    finally:
        for worker in installation.workers():
            worker.resume()
    expect(visitor.page.locator(".chip-automatic").first).to_contain_text("espresso", timeout=PATIENCE)
    expect(visitor.page.locator("img.preview")).to_be_visible()


def test_without_scripts_the_form_uploads_and_the_page_tells_the_outcome(
    installation: Installation,
    open_window: Callable[..., Visitor],
    picture_files: Callable[..., list[Path]],
    tmp_path: Path,
) -> None:
    visitor = open_window(installation, scripts=False)
    visitor.go("/documents")
    page = visitor.page
    empty = tmp_path / "void.jpg"
    empty.touch()
    upload_button(page).click()
    page.get_by_label("Files to upload").set_input_files([*picture_files("plain.jpg"), empty])
    page.get_by_role("button", name="Upload files").last.click()
    expect(page.get_by_role("status")).to_contain_text("1 file uploaded.")
    expect(page.get_by_role("alert")).to_contain_text("void.jpg: The file is empty.")
    installation.wait_final([installation.database.value("SELECT max(id) FROM document")])
    visitor.go("/documents")
    expect_done(card(page, "plain"))
    card(page, "plain").locator(".card-link").click()
    expect(page.locator("img.preview")).to_be_visible()


def test_nothing_that_is_pressed_before_the_scripts_are_there_is_lost(
    installation: Installation,
    open_window: Callable[..., Visitor],
    picture_files: Callable[..., list[Path]],
) -> None:
    visitor = open_window(installation)
    page = visitor.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/application.js*", hold)
    page.goto(f"{visitor.address}/documents", wait_until="commit")
    sheet, collapse = page.locator("#upload-sheet"), page.locator("[data-navigation-collapse]")
    upload_button(page).click()
    expect(sheet).to_be_visible()
    expect(collapse).to_be_attached()
    expect(collapse).to_be_hidden()
    early, late = picture_files("early.jpg", "late.jpg")
    page.get_by_label("Files to upload").set_input_files(early)
    page.get_by_role("button", name="Upload files").last.click()
    expect(page.get_by_role("status")).to_contain_text("1 file uploaded.")

    # The form that was opened too early takes files when the scripts are there, and closes.
    upload_button(page).click()
    expect(sheet).to_be_visible()
    held[-1].continue_()
    expect_scripts_running(page)
    page.get_by_label("Files to upload").set_input_files(late)
    expect(sheet).to_be_hidden()
    for path in (early, late):
        expect_done(card(page, path.stem))
    collapse.click()
    expect(collapse).to_have_attribute("aria-expanded", "false")


def test_the_first_tab_stop_skips_to_the_content(
    installation: Installation, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(installation)
    visitor.go("/documents")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("#content")).to_be_focused()
