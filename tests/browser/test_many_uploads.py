"""Five hundred photographs at once, trouble on the way, and tags given at upload."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from tests.conftest import draw_picture, jpeg

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

MANY = 500
TOO_LARGE = "too large.jpg"
PATIENCE = 120_000
OpenWindow = Callable[..., "Visitor"]


@pytest.fixture(scope="module")
def photographs_of_a_trip(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """500 different small JPEGs: what follows the end of one counts for its hash alone."""
    folder = tmp_path_factory.mktemp("trip")
    originals = [jpeg(draw_picture(number, (320, 240))) for number in range(10)]
    paths = [folder / f"trip {number:03d}.jpg" for number in range(MANY)]
    for number, path in enumerate(paths):
        path.write_bytes(originals[number % 10] + number.to_bytes(4))
    return paths


@pytest.fixture
def visitor(installation: Installation, open_window: OpenWindow) -> Visitor:
    visitor = open_window(installation)
    visitor.page.context.set_default_timeout(60_000)
    visitor.go("/documents")
    expect(visitor.page.locator("html")).to_have_attribute("data-scripts", "on")
    return visitor


def title(page: Page) -> Locator:
    return page.locator("[data-upload-title]")


def row(page: Page, name: str) -> Locator:
    return page.locator(".upload-row", has_text=name)


def choose(page: Page, paths: list[Path]) -> None:
    page.set_input_files("#upload-files", paths)


def documents(installation: Installation, prefix: str) -> dict[str, int]:
    """How many documents with such a title stand in which state."""
    rows = installation.database.rows(
        "SELECT tagging_state, count(*) AS number FROM document WHERE title LIKE :title GROUP BY tagging_state",
        title=f"{prefix}%",
    )
    return {found["tagging_state"]: found["number"] for found in rows}


# On a slow machine, with PostgreSQL and all other tests, five hundred uploads alone take more than the usual time.
@pytest.mark.timeout(900)
def test_five_hundred_photographs_at_once_while_the_page_stays_usable(
    installation: Installation, visitor: Visitor, photographs_of_a_trip: list[Path], tmp_path: Path
) -> None:
    page = visitor.page
    visitor.expect_complaint("413")
    installation.configure("documents-and-media", "default", maximum_upload_size=1)
    before = int(page.locator("[data-document-count]").get_attribute("data-document-count") or 0)
    large = tmp_path / TOO_LARGE
    large.write_bytes(photographs_of_a_trip[0].read_bytes() + bytes(1_100_000))
    paths = [*photographs_of_a_trip[:250], large, *photographs_of_a_trip[250:]]
    choose(page, paths)
    expect(page.locator(".upload-row")).to_have_count(MANY + 1)
    answered = 0
    while page.locator(".upload-row[data-state=done]").count() < MANY:
        page.locator("[data-navigation-collapse]").click()
        page.evaluate("new Promise((resolve) => requestAnimationFrame(() => resolve()))")
        answered += 1
        if answered == 1:
            sending = page.locator(".upload-row[data-state=sending]").first
            expect(sending.locator("progress")).to_be_visible()
            expect(title(page)).to_have_text(re.compile(r"Uploading: \d+ of 501 files done"))
        page.wait_for_timeout(250)
        assert not page.locator(".upload-row[data-state=interrupted]").count()
    # A page that is busy with its uploads alone answers the first press when they are done.
    assert answered > 10
    expect(title(page)).to_have_text(f"{MANY} files uploaded, 1 not", timeout=PATIENCE)
    expect(page.locator(".upload-row").first).to_contain_text(TOO_LARGE)
    expect(row(page, TOO_LARGE)).to_contain_text("larger than 1 MB, the most allowed here")
    ids = installation.database.rows("SELECT id FROM document WHERE title LIKE 'trip %'")
    assert len(ids) == MANY
    installation.wait_final(found["id"] for found in ids)
    assert set(documents(installation, "trip ")) <= {"tagged", "no_tags"}
    assert documents(installation, "too large") == {}
    expect(page.locator("[data-document-count]")).to_have_text(f"{before + MANY:,} files")
    expect(page.locator("[data-pending]")).to_have_count(0, timeout=60_000)
    expect(page.locator("[data-card]", has_text=re.compile(r"trip \d+"))).to_have_count(MANY)
    installation.configure("documents-and-media", "default", maximum_upload_size=500)


def named(tmp_path: Path, *names: str) -> list[Path]:
    paths = []
    for number, name in enumerate(names):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(jpeg(draw_picture(number, (320, 240))) + name.encode())
        paths.append(path)
    return paths


class Trouble:
    """Stands between the page and the server, and answers uploads in its place when it is told to."""

    def __init__(self, page: Page) -> None:
        self.script: list[Callable[[Route], object]] = []
        self.attempts = 0
        page.route("**/documents", self._meet)

    def _meet(self, route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        self.attempts += 1
        if self.script:
            self.script.pop(0)(route)
        else:
            route.continue_()


def problem(status: int, code: str, **headers: str) -> Callable[[Route], object]:
    body = json.dumps({"code": code, "detail": "Not now."})
    return lambda route: route.fulfill(
        status=status, body=body, content_type="application/problem+json", headers=headers
    )


def store_and_lose_the_answer(route: Route) -> None:
    route.fetch()
    route.abort()


def test_what_passes_is_tried_again_by_itself_and_nothing_is_stored_twice(
    installation: Installation, visitor: Visitor, tmp_path: Path
) -> None:
    for complaint in ("ERR_FAILED", "503", "429"):
        visitor.expect_complaint(complaint)
    trouble = Trouble(visitor.page)
    trouble.script = [
        store_and_lose_the_answer,
        problem(503, "busy"),
        problem(429, "too_many_requests", **{"Retry-After": "1"}),
    ]
    choose(visitor.page, named(tmp_path, "again one", "again two", "again three"))
    expect(title(visitor.page)).to_have_text("3 files uploaded")
    assert trouble.attempts == 6
    assert sum(documents(installation, "again ").values()) == 3


def test_a_session_that_ended_stops_the_queue_and_a_retry_goes_on_after_signing_in(
    installation: Installation, visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.page
    visitor.expect_complaint("401")
    trouble = Trouble(page)
    trouble.script = [problem(401, "not_signed_in")] * 4
    names = [f"ended {number}" for number in range(8)]
    choose(page, named(tmp_path, *names))
    expect(title(page)).to_have_text("8 files not uploaded")
    # Of those that waited none was sent in vain.
    assert trouble.attempts == 4
    expect(row(page, "ended 7")).to_contain_text("The session has ended. Sign in again, then retry.")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.get_by_role("button", name="Retry all").press("Enter")
    expect(title(page)).to_have_text("8 files uploaded")
    expect(title(page)).to_be_focused()
    expect(page.get_by_role("link", name="Sign in")).to_be_hidden()
    assert sum(documents(installation, "ended ").values()) == 8


def test_one_upload_and_all_that_wait_can_be_cancelled_by_keyboard(
    installation: Installation, visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.page
    held: list[Route] = []
    trouble = Trouble(page)
    trouble.script = [held.append] * 4
    choose(page, named(tmp_path, *(f"held {number}" for number in range(12))))
    expect(page.locator(".upload-row[data-state=sending]")).to_have_count(4)
    axe = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    assert axe == []
    page.get_by_role("button", name="Cancel held 7.jpg").press("Enter")
    expect(row(page, "held 7.jpg")).to_have_attribute("data-state", "cancelled")
    expect(row(page, "held 7.jpg")).to_be_focused()
    # Whoever leaves the page now is warned.
    assert page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    page.get_by_role("button", name="Cancel all").press("Enter")
    expect(page.locator(".upload-row[data-state=waiting]")).to_have_count(0)
    for route in held:
        route.continue_()
    expect(title(page)).to_have_text(re.compile(r"^\d files? uploaded$"))
    expect(title(page)).to_be_focused()
    page.get_by_role("button", name="Retry held 9.jpg").press("Enter")
    expect(row(page, "held 9.jpg")).to_have_attribute("data-state", "done")
    assert page.evaluate("dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    stored = sum(documents(installation, "held ").values())
    expect(title(page)).to_have_text(re.compile(f"^{stored} files? uploaded"))
    expect(page.locator(".upload-row[data-state=cancelled]")).to_have_count(12 - stored)


def test_tags_given_at_upload_are_checked_before_and_are_a_persons(
    installation: Installation, visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.page
    trouble = Trouble(page)
    opener = page.get_by_role("button", name="Upload with tags")
    opener.press("Enter")
    field = page.get_by_role("textbox", name="Tags")
    expect(field).to_be_focused()
    page.keyboard.type("harbour, old#town")
    page.keyboard.press("Enter")
    expect(page.locator("#upload-tags-error")).to_have_text("A tag cannot contain #: old#town")
    expect(field).to_be_focused()
    axe = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    assert axe == []
    assert trouble.attempts == 0
    field.fill("harbour, old town")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(named(tmp_path, "tagged here"))
    expect(title(page)).to_have_text("1 file uploaded")
    expect(page.locator("#upload-sheet")).to_be_hidden()
    document_id = installation.database.value("SELECT id FROM document WHERE title = 'tagged here'")
    installation.wait_final([document_id])
    assert documents(installation, "tagged here") == {"skipped": 1}
    card = page.locator(f"[data-card='{document_id}']")
    expect(card.locator(".chip-name")).to_have_text(["harbour", "old town"])
    expect(card.locator(".chip-automatic")).to_have_count(0)
    expect(card.locator("img.picture")).to_be_visible()
    # The next files get no tags that nobody sees any more.
    choose(page, named(tmp_path, "tagged not"))
    expect(row(page, "tagged not")).to_have_attribute("data-state", "done")
    rows = installation.database.rows(
        "SELECT source FROM tag_assignment JOIN document ON document.id = document_id"
        " WHERE document.title = 'tagged not' AND source = 'manual'"
    )
    assert rows == []


def test_content_that_is_there_already_is_named_beside_the_upload(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    (first,) = named(tmp_path, "original")
    choose(page, [first])
    expect(title(page)).to_have_text("1 file uploaded")
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(first.read_bytes())
    choose(page, [copy])
    expect(row(page, "copy.jpg")).to_contain_text("Same content as original")
    row(page, "copy.jpg").get_by_role("link", name="original").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("original")
