"""The operations page in a browser: it follows what happens, works without scripts, and fits each window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.looks import examine

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

PAGE = "/control-panel/operations"
Pictures = Callable[[int], list[bytes]]
OpenWindow = Callable[..., "Visitor"]


TROUBLE = (
    ("failed", "timed_out", "Google Cloud Vision did not answer in time."),
    ("failed", "timed_out", "Google Cloud Vision did not answer in time."),
    ("quarantined", "process_died", "The image stopped the process 2 times and is not tried again."),
)


@pytest.fixture(scope="module")
def tagged(start_installation: Callable[..., Installation], make_pictures: Pictures) -> Installation:
    """An installation with some tagged pictures, numbered from 1, and a letter that is none."""
    installation = start_installation(1)
    client = installation.client()
    ids = [
        client.upload(f"picture {number}.jpg", content)
        for number, content in enumerate(make_pictures(8), start=1)
    ]
    ids.append(client.upload("letter.jpg", b"This is a letter and not a picture.\n"))
    installation.wait_final(ids)
    return installation


@pytest.fixture
def busy(tagged: Installation) -> Installation:
    """The installation with some of everything: failed, quarantined, and a process that is disabled."""
    database = tagged.database
    database.change("DELETE FROM process_state")
    database.change(
        "INSERT INTO process_state (id, crashes, last_crash_at, last_reason, disabled_at)"
        " VALUES (1, 6, '2026-01-01 00:00:00.000000', 'ended by SIGKILL', '2026-01-01 00:00:00.000000')"
    )
    for document_id, (state, code, reason) in enumerate(TROUBLE, start=1):
        database.change("DELETE FROM tag_assignment WHERE document_id = :id", id=document_id)
        database.change(
            "UPDATE document SET tagging_state = :state, tagging_reason_code = :code, tagging_reason = :reason"
            " WHERE id = :id",
            id=document_id,
            state=state,
            code=code,
            reason=reason,
        )
    return tagged


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
def test_trouble_is_accessible_and_fits_its_window(
    busy: Installation, open_window: OpenWindow, narrow: bool
) -> None:
    visitor = open_window(busy, narrow=narrow)
    visitor.go(PAGE)
    expect(part(visitor.page, "trouble")).to_contain_text("did not answer in time")
    expect(part(visitor.page, "process")).to_contain_text("Permanently disabled")
    examine(visitor.page, "operations-trouble", narrow)


def test_the_page_follows_what_happens_and_the_buttons_work(
    busy: Installation, open_window: OpenWindow
) -> None:
    visitor = open_window(busy)
    visitor.go(PAGE)
    page = visitor.page
    page.get_by_role("button", name="Enable again").click()
    expect(page.get_by_text("Enabled again. Documents that wait")).to_be_visible()
    expect(part(page, "process")).to_contain_text("Working")
    page.get_by_role("button", name="Retry all 2").click()
    expect(page.get_by_text("Trying 2 files again.")).to_be_visible()
    # Without a reload: they are tagged, and what is on its way comes to nothing.
    expect(part(page, "trouble")).not_to_contain_text("did not answer in time")
    expect(part(page, "summary")).to_contain_text("nothing waits")


def test_the_page_works_without_scripts(busy: Installation, open_window: OpenWindow) -> None:
    visitor = open_window(busy, scripts=False)
    visitor.go(PAGE)
    page = visitor.page
    page.get_by_role("button", name="Retry picture 3.jpg").click()
    expect(page.get_by_text("Trying 1 file again.")).to_be_visible()
    expect(page).to_have_url(f"{busy.address}{PAGE}")
    page.get_by_role("button", name="Enable again").click()
    expect(part(page, "process")).to_contain_text("Working")
    busy.wait_final([3])
