"""Selecting many in a real browser: mouse, ranges, keys, the bar, its dialogs, delete with Undo, the recycle bin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

FILES = 8


@pytest.fixture(scope="module")
def shelf(installation: Installation) -> Installation:
    """An installation with a few files that are no images, so that nothing about them changes by itself."""
    client = installation.client()
    ids = [client.upload(f"note {number}.txt", f"Note {number}.\n".encode()) for number in range(FILES)]
    installation.wait_final(ids)
    return installation


@pytest.fixture
def page(shelf: Installation, open_window: Callable[..., Visitor]) -> Page:
    visitor = open_window(shelf)
    visitor.go("/documents")
    return visitor.page


def boxes(page: Page) -> Locator:
    return page.locator(".card-check")


def count(page: Page) -> Locator:
    return page.locator("[data-bulk-count]")


def test_a_click_a_range_and_the_keys_select(page: Page) -> None:
    bar = page.locator("[data-bulk-bar]")
    expect(bar).to_be_hidden()
    boxes(page).nth(1).check()
    expect(count(page)).to_have_text("1 selected")
    expect(page.locator("[data-announcements]")).to_have_text("1 selected")
    boxes(page).nth(4).click(modifiers=["Shift"])
    expect(count(page)).to_have_text("4 selected")
    page.locator(".card-link").nth(6).click()
    expect(count(page)).to_have_text("5 selected")
    assert page.url.endswith("/documents")
    page.locator(".card-link").nth(6).focus()
    page.keyboard.press("x")
    expect(count(page)).to_have_text("4 selected")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    page.keyboard.press("Control+a")
    expect(count(page)).to_have_text(f"{FILES} selected")
    page.get_by_role("button", name="Leave the selection").click()
    expect(bar).to_be_hidden()


def test_keys_in_a_field_are_letters(page: Page) -> None:
    boxes(page).first.check()
    page.get_by_role("button", name="Edit tags").click()
    field = page.locator("dialog [name=names]")
    expect(field).to_be_focused()
    field.press_sequentially("xax")
    expect(field).to_have_value("xax")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Edit tags")).to_be_focused()
    expect(count(page)).to_have_text("1 selected")


def test_a_card_that_is_made_anew_and_one_that_comes_in_keep_the_selection(page: Page) -> None:
    boxes(page).first.check()
    page.evaluate(
        """() => {
          const card = document.querySelector("[data-card]");
          const anew = card.cloneNode(true);
          anew.querySelector(".card-check").removeAttribute("checked");
          anew.querySelector(".card-check").checked = false;
          card.replaceWith(anew);
        }"""
    )
    expect(boxes(page).first).to_be_checked()
    expect(count(page)).to_have_text("1 selected")


def test_tags_are_edited_in_a_dialog_and_files_deleted_and_brought_back(page: Page) -> None:
    boxes(page).nth(0).check()
    boxes(page).nth(1).check()
    page.get_by_role("button", name="Edit tags").click()
    page.locator("dialog [name=names]").fill("paper, work")
    page.locator("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Tags of 2 files changed.")).to_be_visible()
    expect(page.locator("[data-card]").first).to_contain_text("paper")

    boxes(page).nth(0).check()
    boxes(page).nth(1).check()
    page.get_by_role("button", name="Edit tags").click()
    page.locator("dialog label", has_text="work").click()
    page.locator("dialog").get_by_role("button", name="Save").click()
    expect(page.locator("[data-card]").first).not_to_contain_text("work")

    boxes(page).nth(0).check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("1 file moved to the recycle bin.")).to_be_visible()
    expect(page.locator("[data-card]")).to_have_count(FILES - 1)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 file restored.")).to_be_visible()
    expect(page.locator("[data-card]")).to_have_count(FILES)


def test_the_zip_of_all_that_match_arrives(page: Page) -> None:
    boxes(page).first.check()
    page.locator("[data-bulk-all]").check()
    expect(count(page)).to_have_text("All selected")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"autotag-{FILES}-files.zip"
    assert page.url.endswith("/documents")


def test_the_bin_gives_back_and_deletes_for_good(
    shelf: Installation, open_window: Callable[..., Visitor]
) -> None:
    client = shelf.client()
    ids = [client.upload(f"scrap {number}.txt", f"Scrap {number}.\n".encode()) for number in range(3)]
    shelf.wait_final(ids)
    for document_id in ids:
        client.post(f"/documents/{document_id}/delete", data={"csrf_token": client.csrf_token("/account")})
    visitor = open_window(shelf)
    visitor.go("/recycle-bin")
    page = visitor.page
    rows = page.locator("[data-card]")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Restore scrap 0").click()
    expect(page.get_by_text("1 file restored.")).to_be_visible()
    expect(rows).to_have_count(2)
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(count(page)).to_have_text("2 selected")
    page.locator("[data-bulk-bar]").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="Delete 2 files for good")).to_be_visible()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The recycle bin is empty")).to_be_visible()
    client.post(f"/documents/{ids[0]}/delete", data={"csrf_token": client.csrf_token("/account")})


def test_without_scripts_boxes_and_buttons_are_a_form(
    shelf: Installation, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(shelf, scripts=False)
    visitor.go("/documents")
    page = visitor.page
    boxes(page).nth(2).check()
    page.get_by_role("button", name="Edit tags").click()
    page.locator("[name=names]").fill("plain")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Tags of 1 file changed.")).to_be_visible()
    expect(page.locator("[data-card]").nth(2)).to_contain_text("plain")
