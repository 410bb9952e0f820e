"""The table of all measurements: that each line has the figure, the target of its script, and whether it is met."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def report(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("report")


def test_a_line_has_the_target_of_its_script_and_says_whether_it_is_met(report: ModuleType) -> None:
    found = {"loaded_mb": {"total": 400.0}, "idle_mb": {"total": 300.0}, "start_seconds": 2.5}
    assert [(row.figure, row.target, row.is_met) for row in report.footprint_rows(found)] == [
        ("400 MB", "at most 350 MB", False),
        ("300 MB", "at most 350 MB", True),
        ("2.5 s", "at most 3 s", True),
    ]


def test_the_table_shows_what_has_no_target_without_a_word(report: ModuleType) -> None:
    table = report.as_table(
        [report.Row("Uploads", "7 MB/s", "70 MB/s"), report.at_least("Ratio", 0.84, 0.85)]
    )
    assert table.splitlines()[2:] == [
        "| Uploads | 7 MB/s | 70 MB/s |  |  |",
        "| Ratio | 0.84 |  | at least 0.85 | **missed** |",
    ]


def test_every_measurement_is_a_script_with_lines(report: ModuleType) -> None:
    for one in report.measurements(None):
        assert (report.BENCH / f"{one.script}.py").is_file()
        assert callable(one.rows)


def test_a_page_is_met_when_both_its_time_and_its_ratio_are(report: ModuleType) -> None:
    everywhere = {name: {"large_p95": 30.0, "ratio": 1.1} for name in report.NAMED_PAGES.values()}
    everywhere["list"] = {"large_p95": 101.0, "ratio": 1.5}
    everywhere["operations"] = {"large_p95": 50.0, "ratio": 2.5}
    found = {"bare": 0.4, "total": 100_000, "small": 1_000, "pages": everywhere}
    rows = list(report.pages_rows(found))
    met = {row.what.rpartition(" with ")[0]: row.is_met for row in rows[: len(report.NAMED_PAGES)]}
    assert [title for title, is_met in met.items() if not is_met] == ["The list", "Operations"]
    assert rows[0].figure == "101.0 ms; 1.50 times"
    slowest, steepest = rows[-2:]
    assert ("(list)" in slowest.what, slowest.is_met) == (True, False)
    assert ("(operations)" in steepest.what, steepest.figure) == (True, "2.5 times")
