"""A real installation, whose processes are known and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

import psutil
import pytest
import requests
from click.testing import CliRunner

from autotag.cli import group
from tests.support.client import Client, From
from tests.support.database import Database
from tests.support.passwords import quick_hashes_here
from tests.support.places import LONG_AGO, PASSWORD
from tests.support.waiting import LEAST_PATIENCE, wait_for

UNFINISHED = ("queued", "running")


def free_port() -> int:
    """A port that nobody listens on, from a range of this test process's own.

    It lies below those that the system lends to connections: a port from there could be lent to somebody before
    the server that it is for listens on it.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 20_000 + number % 6 * 2_000
    # Of the system: pytest-randomly starts the usual random numbers anew at each test.
    for port in SystemRandom().sample(range(first, first + 2_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free for a test server")


def clean_environment(**settings: str) -> dict[str, str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTAG_")}
    return outer | {"PYTHONUNBUFFERED": "1"} | settings


class Installation:
    """A real `autotag up` in a folder of its own.

    Its processes are known by their TMPDIR, which even the inference process inherits, so that one that
    was left behind is found whatever became of its parent.
    """

    def __init__(
        self,
        folder: Path,
        workers: int,
        settings: Mapping[str, str],
        *,
        quick_start: bool,
        python: str = sys.executable,
    ) -> None:
        self.folder = folder
        self.python = python
        self.instance_path = folder / "i"
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        self.log_path = folder / "up.log"
        self.environment = clean_environment(
            AUTOTAG_INSTANCE_PATH=str(self.instance_path),
            AUTOTAG_ADMIN_PASSWORD=PASSWORD,
            TMPDIR=str(folder),
            **settings,
        )
        url = settings.get("AUTOTAG_DATABASE_URL", f"sqlite:///{self.instance_path / 'autotag.sqlite'}")
        self.database = Database(url)
        self._workers = workers
        self._options = ["--quick-start"] if quick_start else []
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    @property
    def pid(self) -> int:
        """The process id of `autotag up`."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves and every worker is ready."""
        before = self.log().count("worker ready")
        command = [self.python, "-m", "autotag", "up", "--port", str(self.port), *self._options]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--workers", str(self._workers)],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait(self.is_ready, "the start")
        self.wait(
            lambda: self.log().count("worker ready") >= before + self._workers, "the start of the workers"
        )

    def is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"autotag up ended with code {self._process.returncode}:\n{self.tail()}")
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{self.address}/readyz", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """End it as Ctrl-C does; return its exit code. What it leaves behind is a failure."""
        for client in self._clients:
            client.close()
        code = 0
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            code = self._wait_for_end()
        self.assert_nothing_left()
        return code

    def kill(self) -> None:
        """End `autotag up` outright, as the kernel does when memory is short."""
        assert self._process is not None
        self._process.kill()
        self._wait_for_end()

    def _wait_for_end(self) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        try:
            return process.wait(LEAST_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"autotag up did not end within {LEAST_PATIENCE:g} s:\n{self.tail()}")

    def assert_nothing_left(self) -> None:
        try:
            self.wait(lambda: not self.processes(), "the end of all processes", 20)
        finally:
            for process in self.processes():
                process.kill()

    def processes(self, kind: str = "") -> list[psutil.Process]:
        """The living processes of this installation whose command line contains `kind`."""
        mine = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                is_mine = str(self.folder) in command or self._carries_our_mark(process)
                if is_mine and kind in command and process.status() != psutil.STATUS_ZOMBIE:
                    mine.append(process)
            except psutil.Error:
                continue
        return mine

    def _carries_our_mark(self, process: psutil.Process) -> bool:
        # The broker overwrites its environment with its title; its command line names the folder instead.
        return process.pid != os.getpid() and process.environ().get("TMPDIR") == str(self.folder)

    def brokers(self) -> list[psutil.Process]:
        return self.processes("valkey-server")

    def workers(self) -> list[psutil.Process]:
        return self.processes("autotag worker")

    def inference_processes(self) -> list[psutil.Process]:
        return self.processes("autotag.inference")

    def web_server(self) -> psutil.Process | None:
        """The web server's process; None while there is none."""
        return next(iter(self.processes("autotag web")), None)

    def new_client(self) -> Client:
        """A browser that nobody has signed in with."""
        client = Client(self.address)
        self._clients.append(client)
        return client

    def client(self) -> Client:
        """A client that the first administrator is signed in with; always the same one."""
        for client in self._clients:
            if client.is_signed_in:
                return client
        client = self.new_client()
        answer = client.sign_in()
        assert client.is_signed_in, f"sign-in led to {answer.url}: {answer.text[:500]}"
        return client

    def tenant(self, web_id: str) -> Tenant:
        """Create a virtual instance, in which nothing tags yet, and sign in its administrator."""
        email = f"admin@{web_id}.example"
        options = ("--mail-domain", f"{web_id}.example", "--password-stdin")
        with quick_hashes_here():
            self.command(
                *("instances", "create", "--web-id", web_id, "--virtual-host", web_id, *options),
                typed=PASSWORD,
            )
        client = self.new_client()
        # A machine of its own: ten people may not sign in from one address within a minute.
        client.session.mount("http://", From(f"127.0.1.{len(self._clients)}"))
        # Names below localhost lead nowhere on some machines; the server goes by this header alone.
        client.session.headers["Host"] = f"{web_id}.localhost:{self.port}"
        answer = client.sign_in(email)
        assert client.is_signed_in, f"sign-in led to {answer.url}: {answer.text[:500]}"
        client.is_signed_in = False  # not the one that `client` is for
        return Tenant(self, web_id, client)

    def unfinished(self, document_ids: Iterable[int]) -> int:
        states = self.database.states(document_ids)
        return sum(states.get(state, 0) for state in UNFINISHED)

    def wait_final(self, document_ids: Iterable[int], seconds: float = LEAST_PATIENCE) -> None:
        """Wait until each of the documents has come to a final state."""
        ids = list(document_ids)
        assert sum(self.database.states(ids).values()) == len(set(ids)), "an upload has no row"
        seconds = max(seconds, LEAST_PATIENCE)
        deadline = time.monotonic() + seconds
        while self.unfinished(ids):
            if time.monotonic() > deadline:
                pytest.fail(
                    f"not final within {seconds:g} s: {self.database.states(ids)}\n"
                    f"{self._unfinished_rows(ids)}\n{self.tail()}"
                )
            time.sleep(0.05)

    def _unfinished_rows(self, ids: list[int]) -> list[dict[str, Any]]:
        rows = self.database.rows(
            "SELECT id, tagging_state, tagging_reason, tagging_attempts, tagging_claim, tagging_enqueued_at"
            " FROM document WHERE id IN :ids AND tagging_state IN ('queued', 'running') LIMIT 5",
            ids=ids,
        )
        return [dict(row) for row in rows]

    def assert_tagged_once(self, document_ids: Iterable[int]) -> None:
        """Each document has exactly one attempt that ended in a final state, and no tag twice."""
        ids = list(document_ids)
        attempts = self.database.rows(
            "SELECT document_id, count(*) AS number FROM tagging_attempt WHERE document_id IN :ids"
            " AND state NOT IN ('queued', 'running') GROUP BY document_id",
            ids=ids,
        )
        assert {row["document_id"]: row["number"] for row in attempts} == dict.fromkeys(ids, 1)
        twice = self.database.rows(
            "SELECT document_id, tag_id FROM tag_assignment WHERE document_id IN :ids"
            " GROUP BY document_id, tag_id HAVING count(*) > 1",
            ids=ids,
        )
        assert not twice

    def wait(self, condition: Callable[[], object], what: str, seconds: float = LEAST_PATIENCE) -> None:
        """As `wait_for`, with the end of the log when it fails."""
        try:
            wait_for(condition, what, seconds)
        except pytest.fail.Exception as failure:
            pytest.fail(f"{failure}\n{self.tail()}")

    def run(self, *arguments: str, seconds: float = 150.0) -> subprocess.CompletedProcess[str]:
        """Run an `autotag` command in this installation's folder and environment."""
        return subprocess.run(
            [self.python, "-m", "autotag", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def command(self, *arguments: str, typed: str = "") -> str:
        """Run an `autotag` command that has to succeed, in this process: ten times as quick as in its own."""
        settings = {name: value for name, value in self.environment.items() if name.startswith("AUTOTAG_")}
        done = CliRunner().invoke(group, arguments, input=typed, env=settings)
        assert done.exit_code == 0, f"autotag {' '.join(arguments)}: {done.output}"
        return done.output

    def configure(self, entry: str, web_id: str = "", **fields: object) -> None:
        """Set fields of an entry with `autotag config set`, in their order: of an instance, or of the system."""
        place = ("instance", "--instance", web_id) if web_id else ("system",)
        for name, value in fields.items():
            self.command("config", "set", "--scope", *place, entry, name, "-", typed=str(value))

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def tail(self) -> str:
        return "\n".join(self.log().splitlines()[-40:])


@dataclass(frozen=True, slots=True)
class Tenant:
    """A virtual instance with its administrator at the pages."""

    installation: Installation
    web_id: str
    client: Client

    @property
    def id(self) -> int:
        number: int = self.installation.database.value(
            "SELECT id FROM virtual_instance WHERE web_id = :web_id", web_id=self.web_id
        )
        return number

    def configure(self, entry: str, **fields: object) -> None:
        self.installation.configure(entry, self.web_id, **fields)

    def provider_state(self, provider: str) -> dict[str, Any] | None:
        rows = self.installation.database.rows(
            "SELECT * FROM provider_state WHERE instance_id = :id AND provider = :provider",
            id=self.id,
            provider=provider,
        )
        return rows[0] if rows else None

    def pass_time(self) -> None:
        """Let everything be due that waits for a moment to come, as if that moment had come."""
        self.installation.database.change(
            "UPDATE provider_state SET retry_at = :past WHERE retry_at IS NOT NULL AND instance_id = :id",
            past=LONG_AGO,
            id=self.id,
        )
        self.installation.database.change(
            "UPDATE document SET tagging_not_before = NULL, tagging_enqueued_at = NULL"
            " WHERE tagging_state = 'queued' AND instance_id = :id",
            id=self.id,
        )
