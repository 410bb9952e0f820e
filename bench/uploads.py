"""Uploads: megabytes and files a second, beside a bare server that only writes the same bytes and syncs them.

Both are gunicorn with the same threads, asked by the same client, one after the other: photographs, and files of 25 MB.
The bare server reads the body into a file, syncs it and renames it. The product also takes the form apart, looks at
the first bytes, counts against limits, names the file by its SHA-256, syncs the folder and commits a row.
Nobody tags meanwhile.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from installation import (
    EMAIL,
    finish,
    pictures,
    print_table,
    temporary_installation,
    wait_for,
)

from autotag.serving.broker import broker_command
from autotag.serving.web import THREADS

LARGE_BYTES = 25_000_000
CHUNK = 64 * 1024
KINDS = ("photographs", "large")
BARE_APP = "uploads:bare"
FOLDER_VARIABLE = "BENCH_FOLDER"
Send = Callable[[requests.Session, bytes], None]


def bare(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The bare server: write the body to a file of its own, sync it, give it its name."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    incoming = folder / secrets.token_hex(8)
    left = int(environ.get("CONTENT_LENGTH") or 0)
    with incoming.open("wb") as file:
        while left and (chunk := environ["wsgi.input"].read(min(CHUNK, left))):
            file.write(chunk)
            left -= len(chunk)
        file.flush()
        os.fsync(file.fileno())
    incoming.rename(folder / f"{incoming.name}.kept")
    start_response("201 Created", [("Content-Length", "0")])
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--files", type=int, default=300, help="photographs")
    parser.add_argument("--large", type=int, default=16, help="files of 25 MB")
    parser.add_argument("--clients", type=int, default=4, help="uploads at the same time")
    parser.add_argument("--pairs", type=int, default=3, help="how often each is measured")
    options = parser.parse_args()
    result = measure(options)
    rows = []
    for kind in KINDS:
        found = result[kind]
        rows += [
            (f"{kind}, bare", f"{found['bare_mb']:.1f} MB/s, {found['bare_files']:.1f} /s"),
            (f"{kind}, product", f"{found['product_mb']:.1f} MB/s, {found['product_files']:.1f} /s"),
            (f"{kind}, ratio", f"{found['ratio']:.2f}"),
        ]
    print_table(f"Uploads, {options.clients} at a time, median of {options.pairs}", rows)
    finish(result, options.json)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    contents = {
        "photographs": pictures(options.files),
        "large": [secrets.token_bytes(LARGE_BYTES) for _ in range(options.large)],
    }
    runs: dict[str, dict[str, list[float]]] = {kind: {"bare": [], "product": []} for kind in KINDS}
    for _ in range(options.pairs):
        for kind in KINDS:
            with bare_server() as send:
                runs[kind]["bare"].append(seconds_for(contents[kind], send, options.clients))
            with product() as send:
                runs[kind]["product"].append(seconds_for(contents[kind], send, options.clients))
    return {kind: figures(contents[kind], found) for kind, found in runs.items()} | {
        "clients": options.clients
    }


def figures(contents: list[bytes], runs: dict[str, list[float]]) -> dict[str, float]:
    megabytes = sum(map(len, contents)) / 1e6
    found = {}
    for name, seconds in runs.items():
        median = statistics.median(seconds)
        found[f"{name}_mb"] = round(megabytes / median, 2)
        found[f"{name}_files"] = round(len(contents) / median, 2)
    ratios = [alone / whole for alone, whole in zip(runs["bare"], runs["product"], strict=True)]
    return found | {"ratio": round(statistics.median(ratios), 3)}


def seconds_for(contents: list[bytes], send: Send, clients: int) -> float:
    """Send all, so many at a time, each client over one connection; return the seconds."""
    shares = [contents[start::clients] for start in range(clients)]

    def work(share: list[bytes]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for content in share:
                send(session, content)

    begin = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, shares))
    return time.monotonic() - begin


@contextmanager
def bare_server() -> Iterator[Send]:
    with tempfile.TemporaryDirectory(prefix="at-bench-") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", BARE_APP, "--bind", f"127.0.0.1:{port}"]
        server = subprocess.Popen(
            [*command, "--worker-class", "gthread", "--threads", str(THREADS), "--log-level", "error"],
            cwd=Path(__file__).parent,
            env=os.environ | {FOLDER_VARIABLE: folder},
        )
        address = f"http://127.0.0.1:{port}/"
        try:
            wait_for(lambda: answers(address), "the bare server")
            yield lambda session, content: session.post(address, data=content).raise_for_status()
        finally:
            server.terminate()
            server.wait()


def answers(address: str) -> bool:
    try:
        return requests.post(address, timeout=5).status_code == 201
    except requests.RequestException:
        return False


@contextmanager
def product() -> Iterator[Send]:
    with temporary_installation() as installation:
        installation.run("init", "--quick-start")
        installation.start(
            broker_command(installation.instance_path, installation.instance_path / "broker.sock")
        )
        installation.start(installation.command("web", "--port", str(installation.port)))
        wait_for(installation.is_ready, "readiness")
        token = installation.run("tokens", "create", "--user", EMAIL).split()[-1]
        address = f"{installation.address}/api/v1/documents"
        headers = {"Authorization": f"Bearer {token}"}

        def send(session: requests.Session, content: bytes) -> None:
            session.post(address, files={"file": ("file.jpg", content)}, headers=headers).raise_for_status()

        yield send


if __name__ == "__main__":
    main()
