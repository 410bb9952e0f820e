"""How long it takes to start, and how much memory the parts use: idle, and after one image.

Memory is the proportional set size (what processes share is divided among them), so that the parts add up.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import psutil
from installation import (
    Installation,
    finish,
    pictures,
    print_table,
    proportional_set_size,
    temporary_installation,
    wait_for,
)

from autotag.cli.forker import RESTS_AFTER_SECONDS

WORKERS = 2
SETTLE_SECONDS = 3.0
TARGET_MB, TARGET_START_SECONDS = 350.0, 3.0
"""Of all parts, with the model loaded; and until it serves."""

PARTS = {
    "valkey-server": "broker",
    "autotag.inference": "inference",
    "autotag web": "web",
    "autotag worker": "workers",
    "autotag scheduler": "scheduler",
    "autotag forker": "forker",
    "autotag up": "supervisor",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    options = parser.parse_args()
    result = measure()
    starts = [("first start", f"{result['first_start_seconds']:.2f} s")]
    print_table(
        "Start, until /readyz answers 200", [*starts, ("second start", f"{result['start_seconds']:.2f} s")]
    )
    for title, key in (("Memory, idle", "idle_mb"), ("Memory, after images", "loaded_mb")):
        rows = [(part, f"{megabytes:.1f} MB") for part, megabytes in result[key].items()]
        print_table(f"{title}, {WORKERS} workers (PSS)", rows)
    finish(result, options.json)


def measure() -> dict[str, Any]:
    with temporary_installation() as installation:
        first = installation.up(WORKERS)
        installation.stop()
        second = installation.up(WORKERS)
        wait_until_ready(installation, 2 * WORKERS)
        # An idle installation's forker rests.
        time.sleep(RESTS_AFTER_SECONDS)
        idle = memory(installation)
        installation.sign_in()
        tag_with_every_worker(installation)
        loaded = memory(installation)
    return {
        "first_start_seconds": round(first, 2),
        "start_seconds": round(second, 2),
        "workers": WORKERS,
        "idle_mb": idle,
        "loaded_mb": loaded,
    }


def wait_until_ready(installation: Installation, workers: int) -> None:
    """Wait until so many workers have said that they are ready."""
    wait_for(lambda: installation.log().count("worker ready") >= workers, "the workers' start")


def tag_with_every_worker(installation: Installation) -> None:
    """Upload until every worker has its model loaded."""
    statement = "SELECT count(DISTINCT worker) FROM tagging_attempt"
    for content in pictures(100):
        installation.upload("picture.jpg", content)
        wait_for(lambda: not installation.unfinished(), "the tags")
        if installation.query(statement)[0][0] == WORKERS:
            return


def memory(installation: Installation) -> dict[str, float]:
    """Return megabytes by part, and `total`, once the parts have come to rest."""
    # There is nothing to wait for: rest is the absence of events.
    time.sleep(SETTLE_SECONDS)
    return memory_now(installation)


def memory_now(installation: Installation) -> dict[str, float]:
    """Return megabytes by part, and `total`."""
    figures = dict.fromkeys(PARTS.values(), 0.0)
    for process in installation.processes():
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        part = next((name for mark, name in PARTS.items() if mark in command), "other")
        figures[part] = figures.get(part, 0.0) + proportional_set_size(process)
    rounded = {part: round(megabytes, 1) for part, megabytes in figures.items() if megabytes}
    return rounded | {"total": round(sum(figures.values()), 1)}


if __name__ == "__main__":
    main()
