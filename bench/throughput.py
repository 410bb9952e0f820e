"""Images a second: the whole pipeline beside bare loops that decode and infer, without and with renditions.

All run in as many processes, on the same files, one after the other, several times; medians are compared,
because machines are noisy. The loop that is compared runs before the pipeline and after it, since the pace of a machine
wanders, and both count. The bare loops decode each file once with Pillow at the resolution that is needed,
write the preview and the thumbnail (the second loop only) and run the product's own classifier, and nothing else:
no server, no database. The pipeline is the product: broker and workers on an installation in which all files wait;
it is measured from the first claim to the last final state, with the model loaded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from installation import Installation, finish, pictures, print_table, temporary_installation, wait_for

from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import DEFAULT_MODEL
from autotag.serving.broker import broker_command

WARM_UP = 4
TARGET_RATIO = 0.85
"""Of the bare loop that makes renditions, too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=3, help="how often each is measured")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--large-every", type=int, default=0, help="one file in so many has 12 megapixels")
    parser.add_argument("--bare-loop", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--renditions", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare_loop:
        model, *paths = (Path(path) for path in options.bare_loop)
        run_bare_loop(bare_tagger(model, renditions=options.renditions), paths)
        return
    result = measure(options)
    print_table(
        f"Throughput, {options.files} files, {options.workers} processes, median of {options.pairs}",
        [
            ("bare loop: decode, infer", f"{result['bare']:.1f} /s"),
            ("bare loop with renditions", f"{result['bare_with_renditions']:.1f} /s"),
            ("whole pipeline", f"{result['pipeline']:.1f} /s"),
            ("ratio to decode, infer", f"{result['ratio']:.2f}"),
            (
                "ratio to all that is asked",
                f"{result['ratio_with_renditions']:.2f} (at least {TARGET_RATIO:g})",
            ),
            ("uploads (one client)", f"{result['uploads']:.1f} /s"),
        ],
    )
    finish(result, options.json)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    names = ("bare", "bare_with_renditions", "pipeline", "uploads")
    runs: dict[str, list[float]] = {name: [] for name in names}
    contents = pictures(options.files, large_every=options.large_every)
    for _ in range(options.pairs):
        with temporary_installation() as installation:
            installation.run("init", "--quick-start")
            runs["uploads"].append(fill(installation, contents))
            runs["bare"].append(measure_bare(installation, contents, options.workers))
            around = [measure_bare(installation, contents, options.workers, "--renditions")]
            runs["pipeline"].append(measure_pipeline(installation, options.files, options.workers))
            around.append(measure_bare(installation, contents, options.workers, "--renditions"))
            runs["bare_with_renditions"].append(statistics.harmonic_mean(around))
    return {name: round(statistics.median(values), 2) for name, values in runs.items()} | {
        "ratio": ratio_of(runs["pipeline"], runs["bare"]),
        "ratio_with_renditions": ratio_of(runs["pipeline"], runs["bare_with_renditions"]),
        "files": options.files,
        "large_every": options.large_every,
        "workers": options.workers,
        "runs": {name: [round(value, 2) for value in values] for name, values in runs.items()},
    }


def ratio_of(pipeline: list[float], bare: list[float]) -> float:
    return round(statistics.median(whole / alone for whole, alone in zip(pipeline, bare, strict=True)), 3)


def measure_bare(installation: Installation, contents: list[bytes], workers: int, *more: str) -> float:
    """Return the images a second of a bare loop, in as many processes, from their start to the last end."""
    folder = installation.folder / "bare"
    folder.mkdir(exist_ok=True)
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(content)
    model = str(ModelStore(installation.instance_path / "models").path(DEFAULT_MODEL))
    with installation.log_path.open("ab") as log:
        loops = [
            subprocess.Popen(
                [sys.executable, __file__, *more, "--bare-loop", model, *map(str, paths[start::workers])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            for start in range(workers)
        ]
        return len(contents) / run_together(loops)


def run_together(loops: list[subprocess.Popen[str]]) -> float:
    """Let loops that say when they are warm start together; return the seconds until the last has ended."""
    for loop in loops:
        assert loop.stdout is not None
        loop.stdout.readline()
    begin = time.monotonic()
    for loop in loops:
        assert loop.stdin is not None
        loop.stdin.write("go\n")
        loop.stdin.flush()
    for loop in loops:
        assert loop.stdout is not None
        loop.stdout.readline()
    seconds = time.monotonic() - begin
    for loop in loops:
        loop.communicate()
    return seconds


def bare_tagger(model: Path, *, renditions: bool) -> Callable[[Path], None]:
    """Return what decodes and classifies one file, and with `renditions` writes its preview and thumbnail beside it."""
    from PIL import Image

    from autotag.inference.messages import Rendition
    from autotag.inference.process.classifier import Classifier
    from autotag.media.storage.renditions import PREVIEW_SIDE, THUMBNAIL_SIDE

    classifier = Classifier(model)
    description = classifier.description
    least = round(description.input_width / description.crop_fraction)
    qualities = {side: Rendition(Path(), side).quality for side in (PREVIEW_SIDE, THUMBNAIL_SIDE)}

    def tag(path: Path) -> None:
        with Image.open(path) as image:
            scale = max(1.0, min(image.size) / least)
            if renditions:
                scale = max(1.0, min(scale, max(image.size) / PREVIEW_SIDE))
            # The JPEG decoder may skip detail that nobody can see, as it may in the product.
            image.draft("RGB", (int(image.width / scale), int(image.height / scale)))
            decoded = smaller = image.convert("RGB")
        for side, quality in qualities.items() if renditions else ():
            smaller = smaller.copy()
            smaller.thumbnail((side, side), Image.Resampling.HAMMING)
            smaller.save(path.with_suffix(f".{side}"), "JPEG", quality=quality)
        classifier.classify(decoded, top=20)

    return tag


def run_bare_loop(tag: Callable[[Path], None], paths: list[Path]) -> None:
    """Warm up, say so, wait for the word, do all, say so."""
    for path in paths[:WARM_UP]:
        tag(path)
    print("warm", flush=True)
    sys.stdin.readline()
    for path in paths:
        tag(path)
    print("done", flush=True)


def fill(installation: Installation, contents: list[bytes]) -> float:
    """Upload all files while nobody tags them; return the uploads a second."""
    broker = broker_command(installation.instance_path, installation.instance_path / "broker.sock")
    installation.start(broker)
    web = installation.start(installation.command("web", "--port", str(installation.port)))
    wait_for(installation.is_ready, "readiness")
    installation.sign_in()
    begin = time.monotonic()
    for number, content in enumerate(contents):
        installation.upload(f"{number}.jpg", content)
    seconds = time.monotonic() - begin
    installation.stop(web)
    return len(contents) / seconds


def measure_pipeline(installation: Installation, files: int, workers: int) -> float:
    """Return the images a second from the moment when every worker has its model loaded.

    The scheduler, which hands the backlog out, is there first: its start is no part of the pace. The first documents
    load the models; what is measured begins after them, at a moment between two documents, and ends with the last
    final state. Both are read from the database.
    """
    parts = [installation.start(installation.command("scheduler"))]
    waiting = "SELECT count(*) FROM document WHERE tagging_enqueued_at IS NULL"
    # As many as the broker holds at a time; more follow while these are worked off.
    wait_for(
        lambda: installation.query(waiting)[0][0] <= max(0, files - 192), "the handing out of the backlog"
    )
    for number in range(1, workers + 1):
        parts.append(installation.start(installation.command("worker", "--name", f"worker-{number}")))
    wait_for(lambda: not installation.unfinished(), "the end of the work", 300, pause=0.2)
    installation.stop(*parts)
    rows = installation.query(
        "SELECT finished_at, worker FROM tagging_attempt WHERE state IN ('tagged', 'no_tags')"
        " ORDER BY finished_at, id"
    )
    moments = [datetime.fromisoformat(moment) for moment, _ in rows]
    if len(moments) != files:
        raise RuntimeError(f"{len(moments)} of {files} files were tagged")
    # Warm is who has finished a document.
    first = max(next(i for i, row in enumerate(rows) if row[1] == name) for name in {row[1] for row in rows})
    return (files - 1 - first) / (moments[-1] - moments[first]).total_seconds()


if __name__ == "__main__":
    main()
