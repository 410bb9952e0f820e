"""A whole day's work without a mouse: from signing in to signing out, with the focus always to be seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

EMAIL = "admin@localhost"
PASSWORD = "correct horse battery"
PATIENCE = 60_000
MOST_STOPS = 90


def has_focus(target: Locator) -> bool:
    return target.count() == 1 and bool(target.evaluate("(element) => element === document.activeElement"))


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until the target has the focus; that it has must be seen."""
    expect(target).to_be_visible()
    for _ in range(MOST_STOPS):
        if has_focus(target):
            break
        page.keyboard.press(key)
    expect(target).to_be_focused()
    expect_focus_seen(page, target)


def expect_focus_seen(page: Page, target: Locator) -> None:
    """The page looks different around what has the focus than without it, and it is not hidden behind anything."""
    focused = page.screenshot()
    target.evaluate("(element) => element.blur()")
    without = page.screenshot()
    target.evaluate("(element) => element.focus({ preventScroll: true })")
    assert without != focused, f"the focus on {target} cannot be seen"


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def card(page: Page, title: str) -> Locator:
    return page.locator("[data-card]", has=page.get_by_role("link", name=title, exact=True))


def chips(page: Page) -> Locator:
    return page.locator("[data-tags] .chip-name")


def settled(page: Page) -> None:
    """Wait until the scripts of the page that was opened run."""
    expect(page.locator("html")).to_have_attribute("data-scripts", "on")
    page.wait_for_load_state("networkidle")


def sign_in(page: Page) -> None:
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Documents and Media")


def upload(page: Page, files: list[Path]) -> None:
    settled(page)
    tab_to(page, page.locator(".top-bar [data-upload-open]"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(files)
    for path in files:
        expect(card(page, path.stem)).not_to_have_attribute(
            "data-pending", re.compile(".*"), timeout=PATIENCE
        )
    settled(page)


def look_at_documents(page: Page) -> str:
    """Open the first of the list, go to the next and back; return its title."""
    first, second, *_ = page.locator("[data-card] .card-link").all_inner_texts()
    heading = page.get_by_role("heading", level=1)
    press(page, card(page, first).locator(".card-link"))
    for key, title in ((None, first), ("ArrowRight", second), ("ArrowLeft", first)):
        if key:
            page.keyboard.press(key)
        expect(heading).to_have_text(title)
        settled(page)
    return first


def edit_tags(page: Page) -> None:
    """Add a tag that is offered while one types, take it off, and undo that."""
    tab_to(page, page.get_by_role("combobox", name="Add tags"))
    page.keyboard.type("har")
    expect(page.get_by_role("option", name="harbour")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(chips(page)).to_contain_text(["harbour"])
    remove = page.get_by_role("button", name="Remove harbour")
    tab_to(page, remove, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(remove).to_have_count(0)
    press(page, page.locator("[data-tags]").get_by_role("button", name="Undo"))
    expect(remove).to_have_count(1)


def tag_many(page: Page, first: str) -> None:
    """Select all on the page, and give them a tag in the dialog."""
    settled(page)
    tab_to(page, card(page, first).locator(".card-check"))
    page.keyboard.press("Space")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    page.keyboard.press("Control+a")
    expect(page.locator("[data-bulk-count]")).to_have_text("4 selected")
    press(page, page.get_by_role("button", name="Edit tags"))
    expect(page.locator("dialog [name=names]")).to_be_focused()
    page.keyboard.type("summer")
    press(page, page.locator("dialog").get_by_role("button", name="Save"))
    expect(page.get_by_text("Tags of 4 files changed.")).to_be_visible()
    expect(page.locator("[data-notice]").get_by_role("button", name="Undo")).to_be_visible()


def search(page: Page, first: str) -> None:
    settled(page)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("harbour summer")
    page.keyboard.press("Enter")
    expect(page.locator(".filter-chip")).to_have_count(1)
    expect(page.locator("[data-card] .card-link")).to_have_text([first, "paper"])
    press(page, page.locator(".filter-chip"))
    expect(page.locator("[data-card]")).to_have_count(4)


def sign_out(page: Page) -> None:
    settled(page)
    press(page, page.get_by_label(f"Account: {EMAIL}"))
    press(page, page.get_by_role("button", name="Sign out"))
    expect(page.get_by_label("E-mail")).to_be_visible()


def test_a_session_by_keyboard_alone(
    installation: Installation,
    open_window: Callable[..., Visitor],
    picture_files: Callable[..., list[Path]],
) -> None:
    client = installation.client()
    client.post(
        "/documents",
        data={"csrf_token": client.csrf_token(), "tags": "harbour"},
        files={"file": ("paper.txt", b"About the harbour.")},
    )
    visitor = open_window(installation, signed_in=False)
    visitor.go("/sign-in")
    page = visitor.page
    # A mouse that moves would be one.
    page.add_init_script("addEventListener('pointerdown', () => console.error('a mouse was used'), true)")
    sign_in(page)
    upload(page, picture_files("a.jpg", "b.jpg", "c.jpg"))
    press(page, page.locator("[data-upload-close]"))
    page.reload()
    settled(page)
    first = look_at_documents(page)
    edit_tags(page)
    press(page, page.get_by_role("link", name="Back to the list"))
    tag_many(page, first)
    search(page, first)
    sign_out(page)
