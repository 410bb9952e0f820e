"""What both benchmarks need: an installation of their own, its parts, files to tag, and tables to print."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
PRODUCT = REPOSITORY / ".venv" / "product" / "bin" / "python"
"""Python with what users have installed and nothing besides; `make bench` makes it."""

PHOTOGRAPHS = REPOSITORY.parent / "shared" / "images"
EMAIL = "admin@localhost"
LARGE_KINDS = 7
PASSWORD = "benchmark password"  # noqa: S105 - of an installation that lives for a minute


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0, pause: float = 0.01) -> None:
    """Return as soon as the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(pause)


def pictures(number: int, *, large_every: int = 0) -> list[bytes]:
    """Return JPEGs with different contents: the shared photographs, else drawings.

    With `large_every` one in so many has 12 megapixels, like a camera's. Bytes after the end of a JPEG change its hash
    and nothing else.
    """
    originals = [path.read_bytes() for path in sorted(PHOTOGRAPHS.glob("*.jpg"))] or _drawings()
    large = [_enlarged(original) for original in originals[:LARGE_KINDS]] if large_every else []
    found = []
    for index in range(number):
        is_large = large_every and index % large_every == large_every - 1
        kinds = large if is_large else originals
        found.append(kinds[index % len(kinds)] + index.to_bytes(4))
    return found


def _enlarged(content: bytes) -> bytes:
    """Return a picture as a camera of 12 megapixels would have taken it."""
    enlarged = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.resize((4000, 3000), Image.Resampling.BICUBIC).save(enlarged, "JPEG", quality=90)
    return enlarged.getvalue()


def _drawings() -> list[bytes]:
    drawings = []
    for index in range(20):
        content = io.BytesIO()
        picture = Image.effect_mandelbrot((500, 375), (-2 + index / 20, -1.2, 0.8, 1.2), 60)
        Image.merge("RGB", (picture, picture.rotate(90), picture.rotate(180))).save(content, "JPEG")
        drawings.append(content.getvalue())
    return drawings


class Installation:
    """An installation in a temporary folder: `autotag up` as a whole, or single parts of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance_path = folder / "i"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://localhost:{self.port}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            # Without files of compiled modules each part would compile all of them anew.
            if not name.startswith("AUTOTAG_") and name != "PYTHONDONTWRITEBYTECODE"
        } | {"AUTOTAG_INSTANCE_PATH": str(self.instance_path), "AUTOTAG_ADMIN_PASSWORD": PASSWORD}
        self.log_path = folder / "log"
        self._parts: list[subprocess.Popen[bytes]] = []
        self.session = requests.Session()
        self.session.trust_env = False
        self._token = ""

    def command(self, *arguments: str) -> list[str]:
        return [str(PRODUCT) if PRODUCT.exists() else sys.executable, "-m", "autotag", *arguments]

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run a command to its end; return what it printed. Raises RuntimeError with what it said when it fails."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.folder,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"autotag {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a part; `stop` ends it."""
        with self.log_path.open("ab") as log:
            part = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._parts.append(part)
        return part

    def up(self, workers: int) -> float:
        """Start everything; return the seconds until /readyz answers 200."""
        begin = time.monotonic()
        self.start(self.command("up", "--quick-start", "--port", str(self.port), "--workers", str(workers)))
        wait_for(self.is_ready, "readiness")
        return time.monotonic() - begin

    def is_ready(self) -> bool:
        try:
            return self.session.get(f"{self.address}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def stop(self, *parts: subprocess.Popen[bytes]) -> None:
        """End parts, by default all."""
        for part in parts or tuple(self._parts):
            with suppress(ProcessLookupError):
                part.send_signal(signal.SIGINT)
        for part in parts or tuple(self._parts):
            part.wait(60)
            self._parts.remove(part)

    def sign_in(self) -> None:
        form = {"email": EMAIL, "password": PASSWORD, "csrf_token": self._csrf_token("/sign-in")}
        self.session.post(f"{self.address}/sign-in", data=form, timeout=30).raise_for_status()
        self._token = self._csrf_token("/documents")

    def _csrf_token(self, path: str) -> str:
        page = self.session.get(self.address + path, timeout=30).text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        if not found:
            raise RuntimeError(f"{path} has no form")
        return found[1]

    def upload(self, name: str, content: bytes) -> int:
        headers = {"Accept": "application/json", "X-CSRFToken": self._token}
        answer = self.session.post(
            f"{self.address}/documents", files={"file": (name, content)}, headers=headers, timeout=60
        )
        answer.raise_for_status()
        document_id: int = answer.json()["id"]
        return document_id

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.instance_path}/autotag.sqlite?mode=ro", uri=True) as connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def unfinished(self) -> int:
        statement = "SELECT count(*) FROM document WHERE tagging_state IN ('queued', 'running')"
        number: int = self.query(statement)[0][0]
        return number

    def processes(self) -> list[psutil.Process]:
        """Return the processes of all parts."""
        found = []
        for part in self._parts:
            leader = psutil.Process(part.pid)
            found += [leader, *leader.children(recursive=True)]
        return found

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


@contextmanager
def temporary_installation() -> Iterator[Installation]:
    """Give an installation in a folder with a short path (the broker's socket lies in it), and clean up."""
    installation = Installation(Path(tempfile.mkdtemp(prefix="at-bench-")))
    try:
        yield installation
    finally:
        installation.stop()
        installation.session.close()
        shutil.rmtree(installation.folder, ignore_errors=True)


def proportional_set_size(process: psutil.Process) -> float:
    """Return a process's memory in MB, what it shares divided among those who share it (0 once it is gone)."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    print(title)
    for name, figure in rows:
        print(f"  {name:<{width}}  {figure:>10}")


def finish(result: dict[str, Any], as_json: bool) -> None:
    """Print the result as one JSON object on the last line, when that was asked for."""
    if as_json:
        print(json.dumps(result))
