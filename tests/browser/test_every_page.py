"""What holds on every page: accessible in light and dark, no sideways scrolling on a phone, a screenshot to look at."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENSHOTS = REPOSITORY / "test-screenshots"
README_PICTURE = REPOSITORY / "docs" / "screenshots" / "documents.png"
GRAVE = {"serious", "critical"}
# Different from each other; the last one stands first.
SHOWN = (
    *("quail", "badger", "throne", "beer_glass", "castle", "lorikeet", "laptop", "tabby", "snow_leopard"),
    *("espresso", "barn", "keeshond", "electric_locomotive", "little_blue_heron", "sports_car"),
    *("freight_car", "banana", "seashore"),
)
PUBLISHED_FROM = os.environ.get("UPDATE_SCREENSHOTS")
"""A folder of photographs that may be published, to make the README's picture anew from; usually not set.

The shared photographs are for tests only: no copy of them goes into the project, not even in a picture of it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """An installation with a dozen and a half tagged pictures and one that failed."""

    installation: Installation
    document_id: int
    failed_id: int


@pytest.fixture(scope="module")
def filled(installation: Installation, make_pictures: Callable[[int], list[bytes]]) -> Filled:
    folder = REPOSITORY.parent / "shared" / "images"
    contents = {name: folder / f"{name}.jpg" for name in SHOWN}
    client = installation.client()
    failed_id = client.upload("letter.jpg", b"This is a letter and not a picture.\n")
    drawings = make_pictures(len(SHOWN))
    ids = [
        client.upload(
            f"{name.replace('_', ' ').capitalize()}.jpg", path.read_bytes() if path.exists() else drawing
        )
        for (name, path), drawing in zip(contents.items(), drawings, strict=True)
    ]
    installation.wait_final([failed_id, *ids])
    return Filled(installation, ids[-3], failed_id)


@dataclass(frozen=True, slots=True)
class View:
    """A page in a certain state: how to get there, and whether as somebody who has signed in."""

    name: str
    path: str
    signed_in: bool = True
    prepare: Callable[[Page], None] | None = None
    complaint: str = ""


def open_menu(page: Page) -> None:
    page.locator("[data-menu] summary").click()


def open_drawer(page: Page) -> None:
    button = page.get_by_role("button", name="Navigation", exact=True)
    if button.is_visible():
        button.click()


def mistype(page: Page) -> None:
    page.get_by_label("E-mail").fill("admin@localhost")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Enter your password.")).to_be_visible()


def upload_badly(page: Page) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(".top-bar [data-upload-open]").click()
    chooser.value.set_files([{"name": "nothing.jpg", "mimeType": "image/jpeg", "buffer": b""}])
    expect(page.get_by_text("The file is empty.")).to_be_visible()


VIEWS = (
    View("sign-in", "/sign-in", signed_in=False),
    View("sign-in-refused", "/sign-in", signed_in=False, prepare=mistype, complaint="422"),
    View("documents", "/documents"),
    View("documents-menu", "/documents", prepare=open_menu),
    View("documents-navigation", "/documents", prepare=open_drawer),
    View("documents-upload", "/documents", prepare=upload_badly, complaint="422"),
    View("document", "/documents/{document}"),
    View("document-failed", "/documents/{failed}"),
    View("not-found", "/documents/987654321", complaint="404"),
)


def show(view: View, visitor: Visitor, filled: Filled) -> Page:
    visitor.go(view.path.format(document=filled.document_id, failed=filled.failed_id))
    if view.complaint:
        visitor.expect_complaint(view.complaint)
    if view.prepare:
        view.prepare(visitor.page)
    visitor.page.wait_for_load_state("networkidle")
    # Pictures below the fold load when they are scrolled to; a decoded one is a drawn one.
    visitor.page.evaluate(
        "Promise.all([...document.images].filter((image) => image.complete).map((image) => image.decode()"
        ".catch(() => null)))"
    )
    return visitor.page


def grave_findings(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{finding['impact']}: {finding['id']}: {node['html'][:160]}"
        for finding in violations
        if finding["impact"] in GRAVE
        for node in finding["nodes"]
    ]


def examine(page: Page, name: str, narrow: bool, dark: bool) -> None:
    """Take the page's picture, and look for what must not be on any page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    size, scheme = "narrow" if narrow else "wide", "dark" if dark else "light"
    page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{scheme}.png")
    assert grave_findings(page) == [], name
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.evaluate("document.documentElement.clientWidth"), f"{name} scrolls sideways"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_page_is_accessible_fits_its_window_and_has_its_picture_taken(
    filled: Filled, open_window: Callable[..., Visitor], view: View, narrow: bool, dark: bool
) -> None:
    visitor = open_window(filled.installation, signed_in=view.signed_in, narrow=narrow, dark=dark)
    examine(show(view, visitor, filled), view.name, narrow, dark)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
def test_so_is_every_page_that_the_navigation_leads_to(
    filled: Filled, open_window: Callable[..., Visitor], narrow: bool, dark: bool
) -> None:
    visitor = open_window(filled.installation, narrow=narrow, dark=dark)
    visitor.go("/documents")
    links = visitor.page.locator(".side-navigation a[href]").evaluate_all(
        "(links) => links.map((link) => new URL(link.href).pathname)"
    )
    assert "/documents" in links
    for path in links:
        assert visitor.go(path) == 200, path
        examine(visitor.page, path.strip("/").replace("/", "-"), narrow, dark)


def test_the_grid_shows_a_dozen_tagged_pictures_and_is_the_readmes_picture_when_asked_to_be(
    start_installation: Callable[..., Installation],
    open_window: Callable[..., Visitor],
    make_pictures: Callable[[int], list[bytes]],
) -> None:
    installation = start_installation()
    client = installation.client()
    if PUBLISHED_FROM:
        paths = sorted(Path(PUBLISHED_FROM).glob("*.jpg"))
        contents = {path.name: path.read_bytes() for path in paths}
    else:
        contents = {f"{number}.jpg": content for number, content in enumerate(make_pictures(12))}
    ids = [client.upload(name, content) for name, content in contents.items()]
    installation.wait_final(ids)
    visitor = open_window(installation)
    page = show(VIEWS[2], visitor, Filled(installation, ids[0], ids[0]))
    expect(page.locator("[data-card]")).to_have_count(len(ids))
    expect(page.locator("[data-card] .chip, [data-card] .state").first).to_be_visible()
    taken = page.screenshot()
    if PUBLISHED_FROM:
        README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
        README_PICTURE.write_bytes(taken)
    assert taken.startswith(b"\x89PNG")
