"""A run at the pages: started, followed without a reload, paused, retried and undone; with scripts and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import examine_each_way

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

FILES = 40


@contextmanager
def workers_held(installation: Installation) -> Iterator[None]:
    """Let the workers stand still, so that a run can be looked at in the middle."""
    workers = installation.workers()
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


def look_at(open_window: Callable[..., Visitor], installation: Installation, path: str, name: str) -> None:
    """Examine a page in a window of its own, narrow and wide."""
    page = open_window(installation).page
    page.goto(installation.address + path)
    examine_each_way(page, name)
    page.context.close()


@pytest.fixture(scope="module")
def filled(installation: Installation, make_pictures: Callable[[int], list[bytes]]) -> Installation:
    """Pictures that came while nothing was tagged."""
    installation.configure("tensorflow", "default", enabled="false")
    client = installation.client()
    pictures = make_pictures(FILES)
    ids = [client.upload(f"Picture {number}.jpg", content) for number, content in enumerate(pictures)]
    installation.wait_final(ids)
    installation.configure("tensorflow", "default", enabled="true")
    return installation


def start_everything(page: Page) -> str:
    page.get_by_role("button", name="Everything untagged").click()
    expect(page.get_by_role("heading", name="All images without tags")).to_be_visible()
    return page.evaluate("location.pathname")


def test_a_run_is_started_followed_to_its_end_undone_and_another_retried(
    filled: Installation, open_window: Callable[..., Visitor]
) -> None:
    look_at(open_window, filled, "/runs", "runs-empty")
    page = open_window(filled).page
    page.goto(f"{filled.address}/runs")
    expect(page.get_by_text("No runs yet")).to_be_visible()
    with workers_held(filled):
        path = start_everything(page)
        expect(page.get_by_text("Under way")).to_be_visible()
        look_at(open_window, filled, path, "run-under-way")
        look_at(open_window, filled, "/runs", "runs-under-way")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        look_at(open_window, filled, path, "run-paused")
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        page.evaluate("document.body.dataset.mark = 'here since'")
    # The rest happens before one's eyes, without a reload.
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=60_000)
    assert page.evaluate("document.body.dataset.mark") == "here since"
    numbers = " ".join(page.locator(".run-numbers").inner_text().split())
    assert numbers == f"Done {FILES} of {FILES} Failed 0"
    expect(page.locator(".run-file").first).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    look_at(open_window, filled, path, "run-finished")
    page.get_by_role("button", name="Undo this run").click()
    expect(page.locator(".run-badge").get_by_text("Undone", exact=True)).to_be_visible()
    look_at(open_window, filled, path, "run-undone")
    assert filled.database.value("SELECT count(*) FROM tag_assignment") == 0
    assert filled.database.states() == {"skipped": FILES}
    a_failed_file_is_found_and_tried_again_without_scripts(filled, open_window)


def a_failed_file_is_found_and_tried_again_without_scripts(
    filled: Installation, open_window: Callable[..., Visitor]
) -> None:
    """The file of a document is missing while it is tagged again, and there again when it is retried."""
    page = open_window(filled, scripts=False).page
    document = filled.database.rows("SELECT id, sha256 FROM document ORDER BY id DESC LIMIT 1")[0]
    filled.database.change("DELETE FROM prediction_set")
    original = next(filled.instance_path.rglob(document["sha256"]))
    hidden = original.with_suffix(".away")
    original.rename(hidden)
    try:
        page.goto(f"{filled.address}/runs")
        page.get_by_role("button", name="Everything untagged").click()
        number = int(page.url.rpartition("/")[2])
        filled.wait(
            lambda: (
                filled.database.value("SELECT state FROM tagging_run WHERE id = :id", id=number) == "finished"
            ),
            "the end of the run",
        )
    finally:
        hidden.rename(original)
    look_at(open_window, filled, f"/runs/{number}", "run-failed")
    page.goto(f"{filled.address}/runs/{number}")
    expect(page.get_by_text("The stored file is missing.")).to_be_visible()
    page.get_by_role("button", name="Retry all failed").click()
    expect(page.get_by_text("1 file is tried again.")).to_be_visible()
    filled.wait_final([document["id"]])
    assert filled.database.document(document["id"])["tagging_state"] == "tagged"
    look_at(open_window, filled, "/runs", "runs")
