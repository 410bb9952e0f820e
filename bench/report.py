"""Runs all measurements and prints one table: each figure, the bare machine's in the same run, the target.

`--write` puts the table, with the machine that it was taken on, into docs/performance.md. A measurement that cannot be
taken here (several machines need root) is left out and said. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import footprint
import latency
import machines
import memory
import pages
import throughput

BENCH = Path(__file__).resolve().parent
PERFORMANCE = BENCH.parent / "docs" / "performance.md"
BEGIN, END = "<!-- the table of make bench -->", "<!-- end of the table -->"
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `is_met` is None where there is no target."""

    what: str
    figure: str
    bare: str = ""
    target: str = ""
    is_met: bool | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A script with its options, and how its figures become lines."""

    script: str
    options: tuple[str, ...]
    rows: Callable[[Figures], Iterator[Row]]


def throughput_rows(kind: str) -> Callable[[Figures], Iterator[Row]]:
    def rows(found: Figures) -> Iterator[Row]:
        pace, ratio = found["pipeline"], found["ratio_with_renditions"]
        bare = f"{found['bare_with_renditions']:.1f} /s"
        yield Row(f"Tagging a backlog, {kind}", f"{pace:.1f} /s", bare)
        yield at_least(f"as a part of the bare loop, {kind}", ratio, throughput.TARGET_RATIO)
        yield Row(
            f"as a part of decoding and inferring alone, {kind}",
            f"{found['ratio']:.2f}",
            f"{found['bare']:.1f} /s",
        )

    return rows


def latency_rows(found: Figures) -> Iterator[Row]:
    bare = f"{found['bare_ms']:.1f} ms"
    yield at_most(
        "Upload to tags, idle, median", found["idle_median_ms"], latency.TARGET_MILLISECONDS, " ms", bare
    )
    yield at_most("times the bare decode and infer", found["ratio"], latency.TARGET_RATIO, "")
    yield at_most(
        "Upload to tags, idle, p99", found["idle_p99_ms"], latency.TARGET_P99_MILLISECONDS, " ms", bare
    )
    backlog = f"{found['backlog']:,}"
    for key, where in (("same", "the same"), ("other", "another")):
        what = f"Upload to tags behind a backlog of {backlog} in {where} instance, longest"
        yield at_most(what, found[f"{key}_longest_seconds"], latency.TARGET_BACKLOG_SECONDS, " s")


NAMED_PAGES = {
    "The list": "list",
    "The list with a filter (a common tag)": "common tag",
    "A search (a common word)": "search, common",
    "A search (two common words)": "search, two common words",
    "A tag's page": "tag page",
    f"Page {pages.FAR} of the list": f"page {pages.FAR}",
    "Operations": "operations",
}


def pages_rows(found: Figures) -> Iterator[Row]:
    bare = f"{found['bare']:.2f} ms"
    everywhere, total = found["pages"], f"{found['total']:,} documents"
    against = f"against {found['small']:,}"
    for title, name in NAMED_PAGES.items():
        one = everywhere[name]
        what = f"{title} with {total}, p95; {against} documents"
        figure = f"{one['large_p95']:.1f} ms; {one['ratio']:.2f} times"
        is_met = one["large_p95"] <= pages.TARGET_MILLISECONDS and one["ratio"] <= pages.TARGET_RATIO
        target = f"at most {pages.TARGET_MILLISECONDS:g} ms; {pages.TARGET_RATIO:g} times"
        yield Row(what, figure, bare, target, is_met)
    slowest = max(everywhere, key=lambda name: everywhere[name]["large_p95"])
    steepest = max(everywhere, key=lambda name: everywhere[name]["ratio"])
    what = f"Slowest page with {total} ({slowest}), p95"
    yield at_most(what, everywhere[slowest]["large_p95"], pages.TARGET_MILLISECONDS, " ms", bare)
    what = f"Steepest page with {total} ({steepest}), {against} documents"
    yield at_most(what, everywhere[steepest]["ratio"], pages.TARGET_RATIO, " times")


def uploads_rows(found: Figures) -> Iterator[Row]:
    for kind in ("photographs", "large"):
        name = {"photographs": "photographs", "large": "files of 25 MB"}[kind]
        yield Row(
            f"Uploads, {name}", f"{found[kind]['product_mb']:.1f} MB/s", f"{found[kind]['bare_mb']:.1f} MB/s"
        )


def footprint_rows(found: Figures) -> Iterator[Row]:
    yield at_most("Memory, model loaded, idle", found["loaded_mb"]["total"], footprint.TARGET_MB, " MB")
    yield at_most("Memory, before the first image", found["idle_mb"]["total"], footprint.TARGET_MB, " MB")
    yield at_most("Start to serving", found["start_seconds"], footprint.TARGET_START_SECONDS, " s")


def memory_rows(found: Figures) -> Iterator[Row]:
    yield at_most(
        f"Memory, growth for 10,000 images (over {found['images']:,})",
        found["slope_mb"],
        memory.TARGET_MB,
        " MB",
    )


def machines_rows(found: Figures) -> Iterator[Row]:
    for step, value in found["scaling"].items():
        yield at_least(f"Pace with twice the worker hosts, {step}", value, machines.TARGET)
    killed = found["killed"]
    yield at_most(
        "A host killed in the middle: files lost or not tagged", killed["lost"] + killed["not_tagged"], 0, ""
    )


def at_most(what: str, value: float, target: float, unit: str, bare: str = "") -> Row:
    return Row(what, f"{value:,.4g}{unit}", bare, f"at most {target:g}{unit}", value <= target)


def at_least(what: str, value: float, target: float) -> Row:
    return Row(what, f"{value:.2f}", "", f"at least {target:g}", value >= target)


def measurements(pages_folder: str | None) -> list[Measurement]:
    kept = ("--folder", pages_folder) if pages_folder else ()
    million = ("--documents", "500000", "--instances", "50", "--elsewhere", "10205")
    return [
        Measurement("throughput", ("--files", "1000", "--pairs", "2"), throughput_rows("500 x 375")),
        Measurement(
            "throughput",
            ("--files", "300", "--pairs", "2", "--large-every", "5"),
            throughput_rows("every fifth of 12 megapixels"),
        ),
        Measurement("latency", (), latency_rows),
        Measurement("footprint", (), footprint_rows),
        Measurement("memory", (), memory_rows),
        Measurement("uploads", (), uploads_rows),
        Measurement("pages", kept, pages_rows),
        Measurement("pages", (*million, *kept), pages_rows),
        Measurement("machines", (), machines_rows),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--only", nargs="*", help="scripts to run")
    parser.add_argument("--pages-folder", help="where the seeded installations are kept")
    options = parser.parse_args()
    rows: list[Row] = []
    figures: list[Figures] = []
    for one in measurements(options.pages_folder):
        if options.only and one.script not in options.only:
            continue
        found = run(one)
        if found is None:
            rows.append(Row(f"{one.script}: could not be measured here", ""))
            continue
        figures.append({"script": one.script, "options": one.options, "found": found})
        rows += one.rows(found)
    table = as_table(rows)
    print(f"\n{table}\n{machine()}")
    if options.write:
        write(table)
    if options.json:
        print(json.dumps(figures))


def run(one: Measurement) -> Figures | None:
    """Run a script and return its figures, None when it cannot be run here. What it prints is passed on."""
    command = [sys.executable, str(BENCH / f"{one.script}.py"), *one.options, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return None
    *said, last = done.stdout.splitlines()
    print("\n".join(said), flush=True)
    found: Figures = json.loads(last)
    return found


def as_table(rows: list[Row]) -> str:
    lines = ["| what | figure | bare machine | target | |", "| --- | --- | --- | --- | --- |"]
    words = {None: "", True: "met", False: "**missed**"}
    return "\n".join(
        [
            *lines,
            *(
                f"| {row.what} | {row.figure} | {row.bare} | {row.target} | {words[row.is_met]} |"
                for row in rows
            ),
        ]
    )


def machine() -> str:
    """Say what the table was taken on, and when."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    day = datetime.now(UTC).date()
    return (
        f"Taken on {day}: {cores} cores of {model}, {gigabytes:.0f} GB, Python {platform.python_version()}."
    )


def write(table: str) -> None:
    text = PERFORMANCE.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PERFORMANCE.write_text(f"{before}{BEGIN}\n{machine()}\n\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
