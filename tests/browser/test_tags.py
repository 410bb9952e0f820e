"""Tags in a real Chromium: rename, merge, delete; by keyboard alone; without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

Ids = list[int]


@pytest.fixture(scope="module")
def documents(start_installation: Callable[..., Installation]) -> tuple[Installation, Ids]:
    """Two files without tags: nothing tags here but the tests."""
    installation = start_installation(1, quick_start=False)
    client = installation.client()
    ids = [client.upload(f"{name}.txt", name.encode()) for name in ("one", "two")]
    installation.wait_final(ids)
    return installation, ids


@pytest.fixture
def put(documents: tuple[Installation, Ids]) -> Callable[..., int]:
    """Puts a tag on files, by hand or as a provider does, and returns its id; tags of earlier tests are gone."""
    database = documents[0].database
    for table in ("tag_assignment", "tag_rejection", "tag"):
        database.change(f"DELETE FROM {table}")

    def put(name: str, *ids: int, confidence: float | None = None) -> int:
        database.change(
            "INSERT INTO tag (instance_id, name, normalized_name, created_at)"
            " VALUES (1, :name, :name, '2026-01-01 00:00:00.000000')",
            name=name,
        )
        tag_id: int = database.value("SELECT id FROM tag WHERE name = :name", name=name)
        automatic = confidence is not None
        for document_id in ids:
            database.change(
                "INSERT INTO tag_assignment (instance_id, document_id, tag_id, source, provider, model, confidence,"
                " created_at) VALUES (1, :document, :tag, :source, :provider, :model, :confidence,"
                " '2026-01-01 00:00:00.000000')",
                document=document_id,
                tag=tag_id,
                source="auto" if automatic else "manual",
                provider="tensorflow" if automatic else None,
                model="m" if automatic else None,
                confidence=confidence,
            )
        return tag_id

    return put


def test_kitty_is_merged_into_cat_where_one_file_has_both(
    documents: tuple[Installation, Ids], put: Callable[..., int], open_window: Callable[..., Visitor]
) -> None:
    installation, (one, two) = documents
    put("kitty", one)
    cat = put("cat", one, two, confidence=0.85)
    visitor = open_window(installation)
    page = visitor.page
    visitor.go("/tags")
    page.get_by_role("link", name="kitty").click()
    page.get_by_text("Rename, merge or delete").click()
    page.wait_for_load_state("networkidle")
    field = page.get_by_label("Merge into")
    field.press_sequentially("c")
    expect(page.locator("#merge-names option")).to_have_attribute("value", "cat")
    field.fill("cat")
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_role("radio", name="cat")).to_be_checked()
    page.get_by_role("button", name="Merge 2 tags").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("cat")
    expect(page.get_by_text("kitty merged into cat: 1 file changed.")).to_be_visible()
    expect(page.locator("[data-card]")).to_have_count(2)
    rows = installation.database.rows(
        "SELECT document_id, tag_id, source, provider, confidence FROM tag_assignment ORDER BY document_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        (one, cat, "manual", "tensorflow", 0.85),
        (two, cat, "auto", "tensorflow", 0.85),
    ]


def test_a_tag_is_added_renamed_and_deleted_by_keyboard_alone(
    documents: tuple[Installation, Ids], put: Callable[..., int], open_window: Callable[..., Visitor]
) -> None:
    installation, (one, _) = documents
    put("moggy", one)
    visitor = open_window(installation)
    visitor.expect_complaint("422")
    page = visitor.page
    keyboard = page.keyboard

    def reach(selector: str) -> None:
        """Go on with Tab until the element has the focus, as somebody without a mouse does."""
        for _ in range(60):
            keyboard.press("Tab")
            if page.locator(selector).evaluate("(element) => element === document.activeElement"):
                outline = page.locator(selector).evaluate(
                    "(element) => getComputedStyle(element).outlineStyle"
                )
                shadow = page.locator(selector).evaluate("(element) => getComputedStyle(element).boxShadow")
                assert (outline, shadow) != ("none", "none"), f"nobody sees the focus on {selector}"
                return
        pytest.fail(f"Tab does not lead to {selector}")

    visitor.go("/tags")
    reach("#new-tag")
    keyboard.type("tomcat")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("tomcat")
    reach(".tag-changes summary")
    keyboard.press("Enter")
    reach("#name")
    keyboard.press("ControlOrMeta+A")
    keyboard.type("Moggy")
    keyboard.press("Enter")
    expect(page.get_by_text("There is a tag moggy already.")).to_be_visible()
    reach("#name")
    keyboard.press("ControlOrMeta+A")
    keyboard.type("Tom")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tom")
    reach(".tag-changes summary")
    keyboard.press("Enter")
    reach(".tag-forms .btn-danger-quiet")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete Tom")
    reach(".tag-sheet .btn-danger-quiet")
    keyboard.press("Enter")
    expect(page.get_by_text("Tom is deleted. It was on 0 files.")).to_be_visible()
    assert [row["name"] for row in installation.database.rows("SELECT name FROM tag")] == ["moggy"]


def test_tags_are_selected_and_merged_without_scripts(
    documents: tuple[Installation, Ids], put: Callable[..., int], open_window: Callable[..., Visitor]
) -> None:
    installation, (one, two) = documents
    put("kitty", one)
    put("cat", one, two)
    visitor = open_window(installation, scripts=False, narrow=True)
    page = visitor.page
    visitor.go("/tags")
    bar = page.get_by_role("button", name="Merge selected tags")
    expect(bar).to_be_hidden()
    for name in ("kitty", "cat"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    bar.click()
    expect(page.get_by_role("radio", name="cat 2 files")).to_be_checked()
    page.get_by_role("button", name="Merge 2 tags").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("cat")
    assert installation.database.value("SELECT count(*) FROM tag_assignment") == 2
