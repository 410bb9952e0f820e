"""What holds on every page: it is accessible, and nothing scrolls sideways on a phone.

Whoever adds a page adds a View of it, and one for each further state it can be in: the table of routes is compared with
the views. A view is loaded once, wide; narrow, light and dark are switched without loading it again, unless something
was done to it first.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from autotag import create_app
from autotag.blueprints.navigation import NAVIGATION
from autotag.config import Config
from tests.browser.looks import examine
from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.conftest import Installation, Tenant

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
README_PICTURE = REPOSITORY / "docs" / "screenshots" / "documents.png"
# Titles of pictures; the last one stands first.
SHOWN = (
    *("quail", "badger", "throne", "beer_glass", "castle", "lorikeet", "laptop", "tabby", "snow_leopard"),
    *("espresso", "barn", "keeshond", "electric_locomotive", "little_blue_heron", "sports_car"),
    *("freight_car", "banana", "seashore"),
)
PUBLISHED_FROM = os.environ.get("UPDATE_SCREENSHOTS")
"""A folder of photographs that may be published, to make the README's picture anew from; usually not set."""


@dataclass(frozen=True, slots=True)
class Filled:
    """An installation with a dozen and a half tagged pictures and one that failed, and one with nothing in it.

    `numbers` are the ids that paths of views name.
    """

    installation: Installation
    numbers: dict[str, int]
    empty: Tenant | None = None


@pytest.fixture(scope="module")
def filled(installation: Installation, make_pictures: Callable[[int], list[bytes]]) -> Filled:
    client = installation.client()
    failed_id = client.upload("letter.jpg", b"This is a letter and not a picture.\n")
    ids = [
        client.upload(f"{name.replace('_', ' ').capitalize()}.jpg", content)
        for name, content in zip(SHOWN, make_pictures(len(SHOWN)), strict=True)
    ]
    person = ("--instance", "default", "--email", "eva@example.test", "--role", "editor", "--password-stdin")
    installation.command("users", "create", *person, typed="correct horse battery")
    installation.wait_final([failed_id, *ids])
    token = client.csrf_token()
    client.post("/folders", data={"name": "Holidays", "csrf_token": token})
    old_id = client.upload("Old letter.txt", b"Long ago.")
    client.post("/documents/bulk/delete", data={"id": old_id, "csrf_token": token})
    started = client.post("/runs", data={"scope": "all", "csrf_token": client.csrf_token()})
    assert "/runs/" in started.url, started.text[:500]
    value = installation.database.value
    installation.wait(lambda: value("SELECT state FROM tagging_run") == "finished", "the end of the run")
    # Nobody answers there: the test is told as failed.
    client.post(
        "/account/tokens",
        data={"name": "Photo import", "role": "viewer", "days": "90", "current": PASSWORD}
        | {"csrf_token": client.csrf_token()},
    )
    webhook = {"address": "https://autotag.invalid/hook", "events": ["document.tagged", "run.finished"]}
    added = client.post("/control-panel/webhooks/add", data=webhook | {"csrf_token": client.csrf_token()})
    tested = client.post(
        f"{added.url.removeprefix(client.address)}/test", data={"csrf_token": client.csrf_token()}
    )
    assert "Not delivered" in tested.text, tested.text[:500]
    most_used = "SELECT tag_id FROM tag_assignment GROUP BY tag_id ORDER BY count(*) DESC, tag_id LIMIT 1"
    numbers = {
        "document": ids[-3],
        "failed": failed_id,
        "tag": value(most_used),
        "other_tag": value("SELECT max(id) FROM tag"),
        "binned": old_id,
        "folder": value("SELECT max(id) FROM folder"),
        "action": value("SELECT max(id) FROM bulk_action"),
        "run": value("SELECT id FROM tagging_run"),
        "webhook": value("SELECT id FROM webhook"),
        "delivery": value("SELECT id FROM webhook_delivery"),
        "person": value("SELECT id FROM user_account WHERE email = 'eva@example.test'"),
        "instance": value("SELECT id FROM virtual_instance WHERE web_id = 'default'"),
    }
    return Filled(installation, numbers, installation.tenant("empty"))


@dataclass(frozen=True, slots=True)
class View:
    """A page in a certain state: how to get there, and as whom: an administrator, or a stranger.

    `empty` means in the instance that has nothing in it.
    """

    name: str
    path: str
    signed_in: bool = True
    prepare: Callable[[Page], None] | None = None
    complaint: str = ""
    empty: bool = False


def open_menu(page: Page) -> None:
    page.locator("summary[aria-label^=Account]").click()


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


def open_sheet(page: Page) -> None:
    page.get_by_role("button", name="Upload with tags").click()
    expect(page.get_by_role("button", name="Upload a folder")).to_be_visible()


def rename_to_nothing(page: Page) -> None:
    page.get_by_text("Rename, merge or delete").click()
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("Enter a name for the tag.")).to_be_visible()


def select_two(page: Page) -> None:
    for box in page.locator(".tag-check").all()[:2]:
        box.check()


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
    View("documents-sheet", "/documents", prepare=open_sheet),
    View("documents-filtered", "/documents?view=table&state=failed&reason=not_an_image"),
    View("documents-empty", "/documents", empty=True),
    View("tags", "/tags"),
    View("tags-selected", "/tags?order=most-used", prepare=select_two),
    View("tags-none-found", "/tags?q=no-such-tag"),
    View("tags-empty", "/tags", empty=True),
    View("tag", "/tags/{tag}"),
    View("tag-refused", "/tags/{tag}", prepare=rename_to_nothing, complaint="422"),
    View("tag-delete", "/tags/{tag}/delete"),
    View("tag-merge", "/tags/merge?id={tag}&id={other_tag}"),
    View("tag-merge-nothing", "/tags/merge?id={tag}&name=no-such-tag"),
    View("tags-automatic", "/tags/automatic"),
    View("tags-automatic-empty", "/tags/automatic", empty=True),
    View("runs-empty", "/runs", empty=True),
    View("run", "/runs/{run}"),
    View("bulk-tags", "/documents/bulk/tags?id={document}&id={failed}"),
    View("bulk-move", "/documents/bulk/move?id={document}&id={failed}"),
    View("bulk-untag", "/documents/bulk/untag?id={document}"),
    View("bulk-commit", "/documents/bulk/commit?id={document}"),
    View("bulk-action", "/bulk-actions/{action}"),
    View("folder-move", "/folders/{folder}/move"),
    View("recycle-bin-empty", "/recycle-bin", empty=True),
    View("recycle-bin-delete", "/recycle-bin/delete-for-good?id={binned}"),
    View("account", "/account"),
    View("second-factor", "/account/second-factor"),
    View("tokens", "/account/tokens"),
    View("tokens-empty", "/account/tokens", empty=True),
    View("api-reference", "/api/v1/docs"),
    View("instance-add", "/control-panel/instances/add"),
    View("instance", "/control-panel/instances/{instance}"),
    View("user-add", "/control-panel/users/add"),
    View("user", "/control-panel/users/{person}"),
    View("webhook-add", "/control-panel/webhooks/add"),
    View("webhook", "/control-panel/webhooks/{webhook}"),
    View("webhook-edit", "/control-panel/webhooks/{webhook}/edit"),
    View("webhook-delete", "/control-panel/webhooks/{webhook}/delete"),
    View("webhook-delivery", "/control-panel/webhooks/{webhook}/deliveries/{delivery}"),
    View("webhooks-empty", "/control-panel/webhooks", empty=True),
    View("models", "/control-panel/system-settings/models"),
    View("settings-category", "/control-panel/system-settings/category/assets"),
    View("settings-entry", "/control-panel/system-settings/asset-auto-tagging-system"),
    View("instance-settings-category", "/control-panel/instance-settings/category/assets"),
    View("instance-settings-entry", "/control-panel/instance-settings/tensorflow"),
)

NO_PAGES = {
    "static": "files",
    "bootstrap.static": "files",
    "favicon_static": "files",
    "documents.thumbnail": "a picture",
    "documents.preview": "a picture",
    "documents.content": "a file",
    "documents.tagged_content": "a file",
    "auth.enter_code": "follows the sign-in: tests/browser/test_second_factor.py",
    "documents.home": "leads on",
    "documents.cards": "pieces of a page, for its script",
    "documents.tagging": "pieces of a page, for its script",
    "system_settings.models_state": "pieces of a page, for its script",
    "system_settings.export": "a file",
    "instance_settings.export": "a file",
    "documents.panel": "pieces of a page, for its script",
    "documents.bulk_download": "a file",
    "bulk_actions.progress": "pieces of a page, for its script",
    "recycle_bin.thumbnail": "a picture",
    "tags.suggest": "data, for a script",
    "documents.version_content": "a file",
    "runs.progress": "pieces of a page, for its script",
    "operations.state": "pieces of a page, for its script",
    "api_reference.document": "data, for programs",
    "metrics.show": "data, for programs",
    "health.healthz": "data, for programs",
    "health.readyz": "data, for programs",
}
"""What answers a GET and is no page, with what it is instead."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The application for its table of routes alone: nothing is served, no database or broker is there."""
    built = create_app(
        Config(
            instance_path=tmp_path,
            database_url=f"sqlite:///{tmp_path / 'none.sqlite'}",
            redis_url=f"unix://{tmp_path / 'none.sock'}",
            storage_path=tmp_path,
            secret_key="only for tests",
            admin_email="admin@localhost",
        )
    )
    yield built
    built.extensions["autotag"].queue.connection.close()


def test_every_page_has_a_view_here(app: Flask) -> None:
    routes = app.url_map.bind("localhost")
    numbers: dict[str, int] = defaultdict(lambda: 1)
    paths = [view.path.format_map(numbers).partition("?")[0] for view in VIEWS]
    visited = {routes.match(path)[0] for path in paths} | {entry.endpoint for entry in NAVIGATION}
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.startswith("api.")
    } - set(NO_PAGES)
    assert pages - visited == set()
    assert set(NO_PAGES) <= {rule.endpoint for rule in app.url_map.iter_rules()}


def show(view: View, visitor: Visitor, filled: Filled) -> Page:
    visitor.go(view.path.format_map(filled.numbers))
    if view.complaint:
        visitor.expect_complaint(view.complaint)
    if view.prepare:
        view.prepare(visitor.page)
    # A decoded picture is a drawn one. Those below the fold load when they are scrolled to, and are not waited for.
    visitor.page.evaluate(
        "Promise.all([...document.images].filter((image) => image.getBoundingClientRect().top < innerHeight)"
        ".map((image) => image.decode().catch(() => null)))"
    )
    return visitor.page


def enter(visitor: Visitor, tenant: Tenant) -> None:
    """Take a window to another instance, signed in as its administrator."""
    port = tenant.installation.port
    visitor.address = f"http://{tenant.web_id}.localhost:{port}"
    visitor.page.context.clear_cookies()
    cookies = tenant.client.session.cookies.items()
    visitor.page.context.add_cookies(
        [{"name": name, "value": value, "url": visitor.address} for name, value in cookies]
    )


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_page_is_accessible_and_fits_its_window(
    filled: Filled, open_window: Callable[..., Visitor], view: View
) -> None:
    visitor = open_window(filled.installation, signed_in=view.signed_in)
    if view.empty:
        assert filled.empty is not None
        enter(visitor, filled.empty)
    examine(show(view, visitor, filled), view.name, narrow=False)
    visitor.resize(narrow=True)
    if view.prepare:
        show(view, visitor, filled)
    examine(visitor.page, view.name, narrow=True)


def test_so_is_every_page_that_the_navigation_leads_to(
    filled: Filled, open_window: Callable[..., Visitor]
) -> None:
    visitor = open_window(filled.installation)
    visitor.go("/documents")
    links = visitor.page.locator(".side-navigation a[href]").evaluate_all(
        "(links) => links.map((link) => new URL(link.href).pathname)"
    )
    assert "/documents" in links
    for path in links:
        for narrow in (False, True):
            visitor.resize(narrow=narrow)
            if not narrow:
                assert visitor.go(path) == 200, path
            examine(visitor.page, path.strip("/").replace("/", "-"), narrow)


def test_the_grid_shows_a_dozen_tagged_pictures_and_is_the_readmes_picture_when_asked_to_be(
    filled: Filled, start_installation: Callable[..., Installation], open_window: Callable[..., Visitor]
) -> None:
    site, number = filled, len(SHOWN) + 1
    if PUBLISHED_FROM:
        installation = start_installation()
        client = installation.client()
        ids = [
            client.upload(path.name, path.read_bytes()) for path in sorted(Path(PUBLISHED_FROM).glob("*.jpg"))
        ]
        installation.wait_final(ids)
        site, number = Filled(installation, {}), len(ids)
    page = show(VIEWS[2], open_window(site.installation), site)
    expect(page.locator("[data-card]")).to_have_count(number)
    expect(page.locator("[data-card] .chip, [data-card] .state").first).to_be_visible()
    taken = page.screenshot()
    if PUBLISHED_FROM:
        README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
        README_PICTURE.write_bytes(taken)
    assert taken.startswith(b"\x89PNG")
