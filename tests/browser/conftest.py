"""A real Chromium on the pages of a real installation; what its console complains about fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.looks import window_size

if TYPE_CHECKING:
    from tests.conftest import Installation

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first that is there. The headless shell is Chromium without a desktop: a third less processor time."""

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


PATIENCE = 60_000
"""Milliseconds for whatever a page is expected to do: on a busy machine all takes ten times as long."""


@pytest.fixture(scope="session")
def browser(absent: Callable[[str], None]) -> Iterator[Browser]:
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        absent("Chromium is not installed")
        return
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield chromium
        chromium.close()


class Visitor:
    """A person's browser window on an installation, and what its console complained about.

    Broken content security policies, failed loads and script errors all come up in the console.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self._expected: list[str] = []
        # From the beginning: `expect_file_chooser` alone does not wait until the browser hands choosers over, and one
        # that opens before is cancelled.
        page.on("filechooser", lambda _: None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(f"{message.type}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )

    def go(self, path: str) -> int:
        """Load a page with all that belongs to it; return the status of the answer."""
        response = self.page.goto(self.address + path)
        assert response is not None
        return response.status

    def resize(self, *, narrow: bool) -> None:
        """Make the window as wide as a desktop's, or as narrow as a phone's."""
        self.page.set_viewport_size(window_size(narrow=narrow))

    def expect_complaint(self, text: str) -> None:
        """Say that a complaint with this text belongs to the test: browsers report each 4xx answer."""
        self._expected.append(text)

    def unexpected_complaints(self) -> list[str]:
        return [line for line in self.complaints if not any(text in line for text in self._expected)]


OpenWindow = Callable[..., Visitor]


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenWindow]:
    """Open windows: signed in or not, wide or narrow, light or dark, with scripts or without."""
    visitors: list[Visitor] = []

    def open_one(
        installation: Installation,
        *,
        signed_in: bool = True,
        narrow: bool = False,
        dark: bool = False,
        scripts: bool = True,
    ) -> Visitor:
        context = browser.new_context(
            viewport=window_size(narrow=narrow),
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(PATIENCE)
        if signed_in:
            # The session of the other client: signing in anew each time would meet the limit on attempts.
            cookies = installation.client().session.cookies
            context.add_cookies(
                [
                    {"name": name, "value": value, "url": installation.address}
                    for name, value in cookies.items()
                ]
            )
        visitor = Visitor(context.new_page(), installation.address)
        visitors.append(visitor)
        return visitor

    yield open_one
    for visitor in visitors:
        visitor.page.context.close()
    assert [line for visitor in visitors for line in visitor.unexpected_complaints()] == []


@pytest.fixture
def picture_files(make_pictures: Callable[[int], list[bytes]], tmp_path: Path) -> Callable[..., list[Path]]:
    """Write pictures into files with these names, for a file field."""

    def write(*names: str) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path, content in zip(paths, make_pictures(len(names)), strict=True):
            path.write_bytes(content)
        return paths

    return write
