"""Images a second: the whole pipeline beside the bare loop that only decodes and infers.

Both run in as many processes, on the same files, one after the other, several times; medians are compared,
because machines are noisy. The bare loop decodes each file once with Pillow at the resolution that the model
can use and runs the product's own classifier, and nothing else: no server, no database, no renditions. The
pipeline is the product: broker and workers on an installation in which all files wait; it is measured from the
first claim to the last final state, with the model loaded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from installation import Installation, finish, pictures, print_table, temporary_installation, wait_for

from autotag.inference.catalogue import DEFAULT_MODEL
from autotag.inference.store import ModelStore
from autotag.serving.broker import broker_command

WARM_UP = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=3, help="how often each is measured")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--bare-loop", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare_loop:
        run_bare_loop(Path(options.bare_loop[0]), [Path(path) for path in options.bare_loop[1:]])
        return
    result = measure(options.files, options.pairs, options.workers)
    print_table(
        f"Throughput, {options.files} files, {options.workers} processes, median of {options.pairs}",
        [
            ("bare loop", f"{result['bare']:.1f} /s"),
            ("whole pipeline", f"{result['pipeline']:.1f} /s"),
            ("ratio", f"{result['ratio']:.2f}"),
            ("uploads (one client)", f"{result['uploads']:.1f} /s"),
        ],
    )
    finish(result, options.json)


def measure(files: int, pairs: int, workers: int) -> dict[str, Any]:
    bare, pipeline, uploads = [], [], []
    for _ in range(pairs):
        with temporary_installation() as installation:
            installation.run("init", "--quick-start")
            bare.append(measure_bare(installation, files, workers))
            uploads.append(fill(installation, files))
            pipeline.append(measure_pipeline(installation, files, workers))
    medians = {"bare": statistics.median(bare), "pipeline": statistics.median(pipeline)}
    figures = {name: round(value, 2) for name, value in medians.items()}
    ratio = statistics.median(whole / alone for whole, alone in zip(pipeline, bare, strict=True))
    return figures | {
        "ratio": round(ratio, 3),
        "uploads": round(statistics.median(uploads), 2),
        "files": files,
        "workers": workers,
        "bare_runs": [round(value, 2) for value in bare],
        "pipeline_runs": [round(value, 2) for value in pipeline],
    }


def measure_bare(installation: Installation, files: int, workers: int) -> float:
    """Return the images a second of the bare loop, in as many processes, from their start to the last end."""
    folder = installation.folder / "bare"
    folder.mkdir()
    paths = []
    for number, content in enumerate(pictures(files)):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(content)
    model = str(ModelStore(installation.instance_path / "models").path(DEFAULT_MODEL))
    with installation.log_path.open("ab") as log:
        loops = [
            subprocess.Popen(
                [sys.executable, __file__, "--bare-loop", model, *map(str, paths[start::workers])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            for start in range(workers)
        ]
        return files / run_together(loops)


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


def run_bare_loop(model: Path, paths: list[Path]) -> None:
    """Decode and infer: warm up, say so, wait for the word, do all, say so."""
    from PIL import Image

    from autotag.inference.classifier import Classifier

    classifier = Classifier(model)
    description = classifier.description
    least = round(description.input_width / description.crop_fraction)

    def tag(path: Path) -> None:
        with Image.open(path) as image:
            scale = max(1, min(image.size) // least)
            # The JPEG decoder may skip detail that the model cannot see, as it may in the product.
            image.draft("RGB", (image.width // scale, image.height // scale))
            classifier.classify(image.convert("RGB"), top=20)

    for path in paths[:WARM_UP]:
        tag(path)
    print("warm", flush=True)
    sys.stdin.readline()
    for path in paths:
        tag(path)
    print("done", flush=True)


def fill(installation: Installation, files: int) -> float:
    """Upload all files while nobody tags them; return the uploads a second."""
    broker = broker_command(installation.instance_path, installation.instance_path / "broker.sock")
    installation.start(broker)
    web = installation.start(installation.command("web", "--port", str(installation.port)))
    wait_for(installation.is_ready, "readiness")
    installation.sign_in()
    contents = pictures(files)
    begin = time.monotonic()
    for number, content in enumerate(contents):
        installation.upload(f"{number}.jpg", content)
    seconds = time.monotonic() - begin
    installation.stop(web)
    return files / seconds


def measure_pipeline(installation: Installation, files: int, workers: int) -> float:
    """Return the images a second from the moment when every worker has its model loaded.

    The scheduler, which hands the backlog out, is there first: its start is no part of the pace. The first documents
    load the models; what is measured begins after them, at a moment between two documents, and ends with the last
    final state. Both are read from the database.
    """
    installation.start(installation.command("scheduler"))
    waiting = "SELECT count(*) FROM document WHERE tagging_enqueued_at IS NULL"
    # As many as the broker holds at a time; more follow while these are worked off.
    wait_for(
        lambda: installation.query(waiting)[0][0] <= max(0, files - 192), "the handing out of the backlog"
    )
    for number in range(1, workers + 1):
        installation.start(installation.command("worker", "--name", f"worker-{number}"))
    wait_for(lambda: not installation.unfinished(), "the end of the work", 300, pause=0.2)
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
