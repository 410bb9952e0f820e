"""Documents and Media in a real browser: filters, order, view and search; folders; a tag that was removed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation, Photograph

pytestmark = pytest.mark.browser

PATIENCE = 60_000


@pytest.fixture
def page(installation: Installation, open_window: Callable[..., Visitor]) -> Page:
    visitor = open_window(installation)
    visitor.go("/documents")
    return visitor.page


def send(installation: Installation, name: str, content: bytes, **fields: str) -> int:
    client = installation.client()
    answer = client.post(
        "/documents",
        data={"csrf_token": client.csrf_token(), **fields},
        files={"file": (name, content)},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def expect_titles(page: Page, *titles: str) -> None:
    expect(page.locator("[data-card] .card-link")).to_have_text(list(titles))


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def chip(page: Page, text: str) -> Locator:
    return page.locator(".filter-chip", has_text=text)


def test_filters_order_view_and_search_meet_in_an_address_that_can_be_kept(
    installation: Installation, page: Page, open_window: Callable[..., Visitor]
) -> None:
    notes = {"harbour plan": "harbour, plan", "harbour bill": "harbour, bill", "garden plan": "plan"}
    for number, (title, tags) in enumerate(notes.items(), 1):
        send(installation, f"{title}.txt", b"x" * 10 * number, tags=tags)
    page.reload()
    page.locator(".filter-menu summary").click()
    page.get_by_label("Tag", exact=True).fill("plan")
    page.get_by_label("Type").select_option("text/plain")
    page.get_by_role("button", name="Apply").click()
    expect(chip(page, "plan")).to_be_visible()
    expect_titles(page, "garden plan", "harbour plan")

    page.locator(".order-menu summary").click()
    page.get_by_role("link", name="Smallest first").click()
    expect(page.locator(".order-label")).to_have_text("Smallest first")
    page.get_by_role("link", name="Table").click()
    expect(page.locator("[data-document-table]")).to_be_visible()
    expect_titles(page, "harbour plan", "garden plan")
    search = page.get_by_role("searchbox")
    search.fill("harbour")
    search.press("Enter")
    expect(page.locator(".filter-chip")).to_have_count(3)
    expect_titles(page, "harbour plan")
    assert asked(page) == {"q": ["harbour"], "tag": ["plan"], "type": ["text/plain"], "order": ["smallest"]}

    # Somebody else opens the bookmark; the view is each person's own unless the address says it.
    other = open_window(installation)
    other.go("/documents?" + urlsplit(page.url).query + "&view=list")
    expect(other.page.locator(".filter-chip")).to_have_count(3)
    expect_titles(other.page, "harbour plan")
    expect(other.page.locator(".document-list")).to_be_visible()

    chip(page, "plan").click()
    expect(page.locator(".filter-chip")).to_have_count(2)
    expect_titles(page, "harbour plan", "harbour bill")
    expect(page.locator("[data-document-table]")).to_be_visible()
    page.go_back()
    expect_titles(page, "harbour plan")
    page.get_by_role("link", name="Clear all").click()
    assert asked(page) == {"order": ["smallest"]}
    page.get_by_role("link", name="Cards").click()
    expect(page.locator(".document-grid")).to_be_visible()


def test_a_folder_is_made_filled_renamed_deleted_and_brought_back(
    installation: Installation, page: Page
) -> None:
    send(installation, "ticket.txt", b"A ticket.")
    page.reload()
    page.get_by_text("New folder", exact=True).click()
    page.get_by_label("Name of the new folder").fill("Trips")
    page.get_by_role("button", name="Create").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Trips")
    expect(page.get_by_text("This folder has no files")).to_be_visible()

    page.locator("#navigation").get_by_role("link", name="Documents and Media").click()
    page.locator("[data-card]", has_text="ticket").locator(".card-check").check()
    page.get_by_role("button", name="Move", exact=True).click()
    page.locator("dialog").get_by_text("Trips").click()
    page.locator("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_text("1 file moved.")).to_be_visible()

    page.locator(".folder-tile", has_text="Trips").click()
    expect_titles(page, "ticket")
    page.get_by_label("Actions for the folder Trips").click()
    page.get_by_label("Name", exact=True).fill("Journeys")
    page.get_by_role("button", name="Rename").click()
    expect(heading).to_have_text("Journeys")
    page.get_by_label("Actions for the folder Journeys").click()
    page.get_by_role("button", name="Delete the folder").click()
    expect(page.locator(".folder-tile", has_text="Journeys")).to_have_count(0)
    expect(page.locator("[data-card]", has_text="ticket")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    page.locator("#navigation").get_by_role("link", name="Documents and Media").click()
    page.locator(".folder-tile", has_text="Journeys").click()
    expect_titles(page, "ticket")


@pytest.fixture
def holiday(tmp_path: Path, make_pictures: Callable[[int], list[bytes]]) -> Path:
    """A folder as cameras leave them: files in it and in a folder below it, and what a system put there for itself."""
    folder = tmp_path / "Holiday"
    for path, content in zip(
        ("beach.jpg", "Rome/forum.jpg", "Rome/.DS_Store"), make_pictures(3), strict=True
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def drop(page: Page, path: Path) -> None:
    """Drop what lies at a path, as the desktop does: a script could not make the entry of a folder."""
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 500, "y": 400, "data": data})


def expect_holiday(page: Page) -> None:
    expect(page.locator("[data-upload-title]")).to_have_text("2 files uploaded", timeout=PATIENCE)
    page.locator(".folder-tile", has_text="Holiday").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Holiday")
    expect_titles(page, "beach")
    page.locator(".folder-tile", has_text="Rome").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rome")
    expect_titles(page, "forum")


def test_a_dropped_folder_becomes_folders_with_its_files(page: Page, holiday: Path) -> None:
    drop(page, holiday)
    expect_holiday(page)


def test_a_folder_is_chosen_with_a_button_and_goes_into_the_open_one(
    installation: Installation, page: Page, holiday: Path
) -> None:
    page.get_by_text("New folder", exact=True).click()
    page.get_by_label("Name of the new folder").fill("Albums")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Albums")
    page.get_by_role("button", name="Upload with tags").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a folder").click()
    chooser.value.set_files(holiday)
    expect_holiday(page)
    expect(page.get_by_role("navigation", name="Breadcrumb")).to_contain_text("Albums")


def tag(page: Page, name: str) -> Locator:
    return page.locator(
        "[data-tags] .chip", has=page.locator(".chip-name", has_text=re.compile(rf"^{name}$"))
    )


def tag_again(installation: Installation, page: Page, document_id: int) -> None:
    attempts = "SELECT count(*) FROM tagging_attempt WHERE document_id = :id"
    before = installation.database.value(attempts, id=document_id)
    page.get_by_role("button", name="Tag again").click()
    installation.wait(
        lambda: installation.database.value(attempts, id=document_id) > before, "another attempt"
    )
    installation.wait_final([document_id])
    page.goto(f"{installation.address}/documents/{document_id}")


def test_a_removed_automatic_tag_does_not_return_and_one_added_by_hand_stays(
    installation: Installation, page: Page, photographs: list[Photograph]
) -> None:
    cat = next(item for item in photographs if item.label == "Egyptian cat")
    document_id = send(installation, "whiskers.jpg", cat.fresh())
    installation.wait_final([document_id])
    page.goto(f"{installation.address}/documents/{document_id}")
    # The model knows several cats; which one it is surest of is not this test's business.
    name = page.locator("[data-tags] .chip-automatic .chip-name").first.inner_text().strip()
    tag(page, name).locator(".chip-remove").click()
    expect(tag(page, name)).to_have_count(0)
    tag_again(installation, page, document_id)
    expect(page.locator("[data-tags] .chip-automatic").first).to_be_visible()
    expect(tag(page, name)).to_have_count(0)

    page.get_by_label("Add tags").fill(name)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(tag(page, name)).to_be_visible()
    expect(tag(page, name)).not_to_have_class(re.compile("chip-automatic"))
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Remove automatic tags").click()
    expect(page.locator("[data-tags] .chip-automatic")).to_have_count(0)
    expect(tag(page, name)).to_be_visible()
