"""Whether memory stays flat while very many images are tagged.

A folder of photographs is imported into an installation that serves and tags meanwhile; every few seconds the
proportional set size of all parts is noted with the number of images that are done. The slope of the line through the
second half of these points (by then every part has met everything once) says what ten thousand images cost. The half is
as many: over five thousand, what the inference processes' memory wanders by is as much as what is looked for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from typing import Any

from footprint import memory_now, wait_until_ready
from installation import Installation, finish, pictures, print_table, temporary_installation

SAMPLE_SECONDS = 2.0
TARGET_MB = 10.0
"""For ten thousand images: what a sampled figure wanders by in any case."""

Point = tuple[int, dict[str, float]]

DONE = "SELECT count(*) FROM tagging_attempt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    result = measure(options.images, options.workers)
    print_table(
        f"Memory over {options.images:,} images, {options.workers} workers (PSS of all parts)",
        [
            ("in the middle", f"{result['middle_mb']:.1f} MB"),
            ("at the end", f"{result['end_mb']:.1f} MB"),
            ("slope", f"{result['slope_mb']:+.1f} MB for 10,000 images (at most {TARGET_MB:g})"),
            *((f"  {part}", f"{slope:+.1f} MB") for part, slope in result["slope_mb_by_part"].items()),
        ],
    )
    finish(result, options.json)


def measure(images: int, workers: int) -> dict[str, Any]:
    with temporary_installation() as installation:
        installation.up(workers)
        wait_until_ready(installation, workers)
        folder = installation.folder / "pictures"
        folder.mkdir()
        for number, content in enumerate(pictures(images)):
            (folder / f"{number}.jpg").write_bytes(content)
        points = follow(installation, str(folder), images)
    half = points[len(points) // 2 :]
    return {
        "images": images,
        "workers": workers,
        "middle_mb": half[0][1]["total"],
        "end_mb": half[-1][1]["total"],
        "slope_mb": slope_of(half, "total"),
        "slope_mb_by_part": {part: slope_of(half, part) for part in half[0][1] if part != "total"},
        "points": points,
    }


def slope_of(points: list[Point], part: str) -> float:
    """Return the megabytes by which a part grows while 10,000 images are tagged."""
    done, megabytes = zip(*((number, memory.get(part, 0.0)) for number, memory in points), strict=True)
    return round(statistics.linear_regression(done, megabytes).slope * 10_000, 2)


def follow(installation: Installation, folder: str, images: int) -> list[Point]:
    """Import the folder and tag it; return how many images were done at each look, and the megabytes by part then."""
    points = []
    command = installation.command("assets", "import", folder, "--instance", "default")
    with subprocess.Popen(command, env=installation.environment, stdout=subprocess.DEVNULL) as importing:
        done = 0
        while done < images:
            time.sleep(SAMPLE_SECONDS)
            done = installation.query(DONE)[0][0]
            points.append((done, memory_now(installation)))
            if importing.poll():
                raise RuntimeError(f"the import ended with {importing.returncode}")
    return points


if __name__ == "__main__":
    main()
