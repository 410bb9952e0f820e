"""The measurement of the pages: that it counts rightly, and that it still runs."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from autotag.extensions import db


@pytest.fixture
def pages(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("pages")


@pytest.mark.parametrize(
    ("small", "large", "met"),
    [
        ([10.0] * 20, [19.0] * 20, True),
        ([10.0] * 20, [21.0] * 20, False),
        ([60.0] * 20, [101.0] * 20, False),
        ([60.0] * 20, [70.0] * 18 + [150.0] * 2, False),
    ],
)
def test_a_page_meets_its_targets_only_when_it_is_quick_at_both_sizes(
    pages: ModuleType, small: list[float], large: list[float], met: bool
) -> None:
    assert pages.figures(small, large)["met"] is met


def test_the_95th_percentile_leaves_out_the_slowest_twentieth(pages: ModuleType) -> None:
    assert pages.percentile_95([1.0] * 38 + [9.0] * 2) == 1.0
    assert pages.percentile_95([1.0] * 37 + [9.0] * 3) == 9.0


def test_the_pages_of_two_sizes_are_measured(pages: ModuleType, tmp_path: Path, broker_socket: Path) -> None:
    sites = [pages.open_site(tmp_path, number, f"unix://{broker_socket}") for number in (100, 200)]
    result = pages.measure(*sites, requests=2)
    for site in sites:
        with site.app.app_context():
            db.engine.dispose()
        site.app.extensions["autotag"].queue.connection.close()
    assert result["pages"]["list"]["large_median"] > 0
    assert {"list", "page 500", "document"} <= set(result["pages"])
    assert (result["large"], result["total"]) == (200, 200)
    assert 0 < result["bare"] < result["pages"]["list"]["large_median"]
