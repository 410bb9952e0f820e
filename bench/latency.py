"""How long a person waits for tags: from the answer to an upload until the API shows them.

First on an idle installation, photograph after photograph, beside what the bare machine takes to decode and classify
the same one; then for single uploads while a backlog of another instance, and one of the same, is being tagged. The
wait ends with the API's answer that has the tags. When to ask is seen in the database, which costs the installation
nothing: a program that kept asking the API would have its calls and pauses in the figure, and compete for time.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from installation import (
    EMAIL,
    PASSWORD,
    Installation,
    finish,
    pictures,
    print_table,
    temporary_installation,
    wait_for,
)
from throughput import bare_tagger

from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import DEFAULT_MODEL

WARM_UP = 8
LOOK_SECONDS = 0.001
TENSORFLOW_ON = ("tensorflow", "enabled", "true")
UNFINISHED = ("queued", "running")
TOKENS = 6
"""Each may make 100 calls a second."""

TARGET_MILLISECONDS, TARGET_P99_MILLISECONDS, TARGET_RATIO = 200.0, 500.0, 3.0
TARGET_BACKLOG_SECONDS = 2.0


@dataclass
class Program:
    """A program at the API, with tokens that it uses in turns."""

    address: str
    host: str
    tokens: list[str]
    database: Path
    session: requests.Session = field(default_factory=requests.Session)
    _calls: int = 0

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        self._calls += 1
        headers = {
            "Authorization": f"Bearer {self.tokens[self._calls % len(self.tokens)]}",
            "Host": self.host,
        }
        answer = self.session.request(
            method, f"{self.address}/api/v1{path}", headers=headers, timeout=60, **options
        )
        answer.raise_for_status()
        return answer

    def wait_for_tags(self, name: str, content: bytes) -> float:
        """Upload a picture; return the seconds from the answer until its tags are shown."""
        document = self.call("POST", "/documents", files={"file": (name, content)}).json()
        begin = time.monotonic()
        while document["tagging"]["state"] in UNFINISHED:
            self._wait_for_outcome(document["id"])
            document = self.call("GET", f"/documents/{document['id']}").json()
        seconds = time.monotonic() - begin
        if document["tagging"]["state"] not in ("tagged", "no_tags"):
            raise RuntimeError(f"the picture was not tagged: {document['tagging']}")
        return seconds

    def _wait_for_outcome(self, document_id: int) -> None:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            statement = "SELECT tagging_state FROM document WHERE id = ?"
            while connection.execute(statement, [document_id]).fetchone()[0] in UNFINISHED:
                time.sleep(LOOK_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--files", type=int, default=200, help="uploads to the idle installation")
    parser.add_argument("--backlog", type=int, default=5_000, help="documents that wait in each backlog")
    parser.add_argument("--uploads", type=int, default=20, help="single uploads while a backlog is there")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--bare", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        print(json.dumps(bare_seconds(Path(options.bare[0]), [Path(path) for path in options.bare[1:]])))
        return
    result = measure(options)
    print_table(
        f"Seconds until tags, {options.workers} workers",
        [
            ("bare decode and infer, median", f"{result['bare_ms']:.1f} ms"),
            ("idle, median", f"{result['idle_median_ms']:.1f} ms (at most {TARGET_MILLISECONDS:g})"),
            ("idle, p99", f"{result['idle_p99_ms']:.1f} ms (at most {TARGET_P99_MILLISECONDS:g})"),
            ("idle, times the bare", f"{result['ratio']:.2f} (at most {TARGET_RATIO:g})"),
            *(
                (
                    f"backlog of {where}, longest",
                    f"{result[key]:.2f} s (at most {TARGET_BACKLOG_SECONDS:g})",
                )
                for where, key in (
                    ("another instance", "other_longest_seconds"),
                    ("the same instance", "same_longest_seconds"),
                )
            ),
        ],
    )
    finish(result, options.json)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with temporary_installation() as installation:
        installation.up(options.workers)
        wait_for(lambda: installation.log().count("worker ready") >= options.workers, "the workers' start")
        person = program(installation, "default", EMAIL)
        contents = pictures(options.files + WARM_UP)
        for content in contents[:WARM_UP]:
            person.wait_for_tags("warm.jpg", content)
        idle = [person.wait_for_tags("idle.jpg", content) for content in contents[WARM_UP:]]
        bare = measure_bare(installation, contents[WARM_UP:])
        figures = {
            "bare_ms": round(statistics.median(bare) * 1000, 2),
            "idle_median_ms": round(statistics.median(idle) * 1000, 2),
            "idle_p99_ms": round(statistics.quantiles(idle, n=100)[98] * 1000, 2),
            "ratio": round(statistics.median(a / b for a, b in zip(idle, bare, strict=True)), 2),
        }
        names = ("--web-id", "other", "--virtual-host", "other", "--mail-domain", "other.example")
        installation.run("instances", "create", *names, "--password-stdin", typed=PASSWORD)
        installation.run("config", "set", "--scope", "instance", "--instance", "other", *TENSORFLOW_ON)
        for key, owner in (("other_longest_seconds", "other"), ("same_longest_seconds", "default")):
            waits = with_backlog(installation, person, owner, options)
            figures[key] = round(max(waits), 3)
            figures[key.replace("longest", "median")] = round(statistics.median(waits), 3)
    return figures | {"files": options.files, "backlog": options.backlog, "workers": options.workers}


def program(installation: Installation, instance: str, email: str) -> Program:
    """Return a program that acts for a user of an instance."""
    tokens = [
        installation.run("tokens", "create", "--instance", instance, "--user", email).split()[-1]
        for _ in range(TOKENS)
    ]
    host = f"localhost:{installation.port}"
    host = host if instance == "default" else f"{instance}.{host}"
    return Program(installation.address, host, tokens, installation.instance_path / "autotag.sqlite")


def with_backlog(
    installation: Installation, person: Program, owner: str, options: argparse.Namespace
) -> list[float]:
    """Import a backlog into an instance; return the waits of single uploads while it is being tagged."""
    folder = installation.folder / f"backlog-{owner}"
    folder.mkdir()
    for number, content in enumerate(pictures(options.backlog)):
        (folder / f"{number}.jpg").write_bytes(content + owner.encode())
    # Nobody tags meanwhile, so that all of them wait when the first upload comes.
    installation.stop()
    installation.run("assets", "import", str(folder), "--instance", owner)
    before = installation.log().count("worker ready")
    installation.up(options.workers)
    wait_for(
        lambda: installation.log().count("worker ready") >= before + options.workers, "the workers' start"
    )
    waits = []
    for number in range(options.uploads):
        content = pictures(number + 1)[-1] + f"single {owner}".encode()
        waits.append(person.wait_for_tags("single.jpg", content))
    if installation.unfinished() < options.backlog // 20:
        raise RuntimeError("the backlog was done before the uploads were: use a larger one")
    wait_for(lambda: not installation.unfinished(), "the end of the backlog", 600, pause=0.5)
    return waits


def measure_bare(installation: Installation, contents: list[bytes]) -> list[float]:
    """Return the seconds that the bare machine takes for each picture, in a process of its own."""
    folder = installation.folder / "bare"
    folder.mkdir()
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(content)
    model = str(ModelStore(installation.instance_path / "models").path(DEFAULT_MODEL))
    command = [sys.executable, __file__, "--bare", model, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def bare_seconds(model: Path, paths: list[Path]) -> list[float]:
    """Decode and classify each picture, after a few that warm up; return the seconds of each."""
    tag = bare_tagger(model, renditions=False)
    for path in paths[:WARM_UP]:
        tag(path)
    seconds = []
    for path in paths:
        begin = time.monotonic()
        tag(path)
        seconds.append(time.monotonic() - begin)
    return seconds


if __name__ == "__main__":
    main()
