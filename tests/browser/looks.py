"""What must not be on any page, in any state: a grave finding of axe, or a need to scroll sideways.

Each state of a page is examined by axe once, in a wide window. Where a narrow window has controls of its own, it is
examined there as well. `make looks` sets `EVERY_LOOK`: then axe looks at each state in both widths and both themes, and
each look is taken as a picture into test-screenshots/.
"""

from __future__ import annotations

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

SCREENSHOTS = Path(__file__).resolve().parents[2] / "test-screenshots"
EVERY_LOOK = bool(os.environ.get("EVERY_LOOK"))
GRAVE = {"serious", "critical"}
OTHER_WHEN_NARROW = frozenset(
    {
        "documents",
        "documents-navigation",
        "documents-filtered",
        "documents-upload",
        "document",
        "settings-entry",
        "settings-category",
        "tags-selected",
        "run",
        "control-panel-operations",
        "operations-trouble",
    }
)
"""States whose narrow window has controls that the wide one has not."""
WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=390, height=844)


def window_size(*, narrow: bool) -> ViewportSize:
    """A phone's window or a desktop's."""
    return NARROW if narrow else WIDE


def grave_findings(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{finding['impact']}: {finding['id']}: {node['html'][:160]}"
        for finding in violations
        if finding["impact"] in GRAVE
        for node in finding["nodes"]
    ]


def examine(page: Page, name: str, narrow: bool) -> None:
    """Examine a page that is shown in a window of this width.

    What is on it is the same in light and dark, and the contrast of all colours is computed in
    tests/unit/blueprints/test_contrast.py.
    """
    if EVERY_LOOK:
        _take_pictures(page, name, narrow)
    if EVERY_LOOK or not narrow or name in OTHER_WHEN_NARROW:
        assert grave_findings(page) == [], name
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.evaluate("document.documentElement.clientWidth"), f"{name} scrolls sideways"


def examine_each_way(page: Page, name: str) -> None:
    """Examine a page in a narrow window and in a wide one, which stays."""
    for narrow in (True, False):
        page.set_viewport_size(window_size(narrow=narrow))
        examine(page, name, narrow)


def _take_pictures(page: Page, name: str, narrow: bool) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    size = "narrow" if narrow else "wide"
    for scheme in ("light", "dark") if narrow else ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{scheme}.png", full_page=True)
        assert grave_findings(page) == [], f"{name}, {scheme}"
