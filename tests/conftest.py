"""What the tests of the whole share: a real installation, a signed-in client, and pictures to upload."""

from __future__ import annotations

import gc
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from types import ModuleType
from typing import Any

import psutil
import pytest
import requests
from click.testing import CliRunner
from PIL import Image, ImageDraw
from sqlalchemy import Engine, NullPool, bindparam, create_engine, event, make_url, text

from autotag.cli import group
from autotag.models.engine import sqlite_module
from tests.postgresql import emptied_database, new_database, postgresql_server, postgresql_url

__all__ = ["emptied_database", "postgresql_server", "postgresql_url"]

REPOSITORY = Path(__file__).resolve().parent.parent
PHOTOGRAPHS = REPOSITORY.parent / "shared" / "images"
EMAIL = "admin@localhost"
PASSWORD = "correct horse battery"
UNFINISHED = ("queued", "running")
LONG_AGO = "2020-01-01 00:00:00.000000"
STUBS = REPOSITORY / "tests" / "stubs"
# Whose unit tests run with both databases in `make test`, which would take twice as long with all. Whatever has a
# database runs with PostgreSQL in `make test-postgresql`.
ROOMS_WITH_SQL = ("models", "instances", "configuration", "media", "tagging")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgresql", action="store_true", help="run what has a database with PostgreSQL instead of SQLite"
    )
    parser.addoption(
        "--postgresql-too",
        action="store_true",
        help="run everything as usual, and the rooms with SQL a second time with PostgreSQL",
    )


def pytest_collection_finish() -> None:
    """Collect garbage less often, and leave out what stays: this was a quarter of the time of the tests of pages."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With `--postgresql-too`, each test of a room with SQL that has a database is there once for each kind."""
    has_kind = "database_kind" in metafunc.fixturenames
    if has_kind and metafunc.config.getoption("--postgresql-too") and _is_about_sql(metafunc.definition):
        kinds = [pytest.param("sqlite", id="sqlite"), pytest.param("postgresql", id="postgresql")]
        metafunc.parametrize("database_kind", kinds, indirect=True)


def _is_about_sql(item: pytest.Item) -> bool:
    room = Path(item.path).parent
    is_there = any(room.is_relative_to(REPOSITORY / "tests" / "unit" / name) for name in ROOMS_WITH_SQL)
    return is_there and not any(item.iter_markers("sqlite"))


@pytest.fixture(scope="session", autouse=True)
def _no_outer_settings() -> Iterator[None]:
    """Settings of whoever runs the tests must not change what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AUTOTAG_")]:
            patch.delenv(name)
        yield


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Return as soon as `condition` holds; fail with `what` and its last value when it never does."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s (last seen: {value!r})")
        time.sleep(0.05)


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile, without the beginnings of transactions."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


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


class _Session(requests.Session):
    """One that keeps no connection until the server, after 15 idle seconds, ends it just as a request goes out."""

    LONGEST_IDLE_SECONDS = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._used = time.monotonic()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        now = time.monotonic()
        if now - self._used > self.LONGEST_IDLE_SECONDS:
            self.close()
        self._used = now
        return super().send(request, **options)


class Client:
    """A person at the pages: cookies, CSRF tokens, uploads the way the page's script sends them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = _Session()
        # No proxy, no .netrc: the server is on this machine.
        self.session.trust_env = False
        self.is_signed_in = False
        self._token: str | None = None

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.address + path, timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.address + path, timeout=60, **options)

    def csrf_token(self, path: str = "/documents") -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).text)
        assert found, f"no CSRF token on {path}"
        return found[1]

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> requests.Response:
        form = {"email": email, "password": password, "csrf_token": self.csrf_token("/sign-in")}
        answer = self.post("/sign-in", data=form)
        self.is_signed_in = answer.url == f"{self.address}/documents"
        return answer

    def sign_in_first(self, email: str, generated: str) -> None:
        """Sign in with a generated password and replace it, which the site asks for before anything else."""
        assert self.sign_in(email, generated).url == f"{self.address}/account"
        form = {"current": generated, "password": PASSWORD, "again": PASSWORD}
        answer = self.post("/account/password", data=form | {"csrf_token": self.csrf_token("/account")})
        self.is_signed_in = answer.url == f"{self.address}/documents"
        assert self.is_signed_in, answer.text[:500]

    def send(self, name: str, content: bytes) -> requests.Response:
        """Upload one file as the page's script does; whatever comes back is returned."""
        self._token = self._token or self.csrf_token()
        headers = {"Accept": "application/json", "X-CSRFToken": self._token}
        return self.post("/documents", files={"file": (name, content)}, headers=headers)

    def upload(self, name: str, content: bytes) -> int:
        """Upload one file that has to be accepted; return the document's id."""
        answer = self.send(name, content)
        assert answer.status_code == 201, f"{name}: {answer.status_code} {answer.text[:300]}"
        document_id: int = answer.json()["id"]
        return document_id

    def close(self) -> None:
        self.session.close()


class _From(requests.adapters.HTTPAdapter):
    """Connections come from this loopback address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self._address, 0))


class Database:
    """The installation's database, for looking; `change` only plays what no command does, such as passing time."""

    def __init__(self, url: str) -> None:
        options = {"module": sqlite_module()} if make_url(url).get_backend_name() == "sqlite" else {}
        self.engine = create_engine(url, poolclass=NullPool, **options)

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a query; parameters that are lists are for `IN :name`. Columns of JSON come as text on every database."""
        query = text(statement).bindparams(
            *(
                bindparam(name, expanding=True)
                for name, value in parameters.items()
                if isinstance(value, list)
            )
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query, parameters).mappings().all()
        return [
            {
                name: json.dumps(value) if isinstance(value, list | dict) else value
                for name, value in row.items()
            }
            for row in rows
        ]

    def value(self, statement: str, **parameters: Any) -> Any:
        rows = self.rows(statement, **parameters)
        return next(iter(rows[0].values())) if rows else None

    def change(self, statement: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def document(self, document_id: int) -> dict[str, Any]:
        return self.rows("SELECT * FROM document WHERE id = :id", id=document_id)[0]

    def tags(self, document_id: int) -> dict[str, float]:
        """The names of a document's tags with their confidence, highest first."""
        rows = self.rows(
            "SELECT tag.name AS name, tag_assignment.confidence AS confidence FROM tag_assignment"
            " JOIN tag ON tag.id = tag_assignment.tag_id WHERE document_id = :id ORDER BY confidence DESC",
            id=document_id,
        )
        return {row["name"]: row["confidence"] for row in rows}

    def states(self, document_ids: Iterable[int] | None = None) -> dict[str, int]:
        """How many documents are in each state."""
        where, parameters = "", {}
        if document_ids is not None:
            where, parameters = "WHERE id IN :ids", {"ids": list(document_ids)}
        rows = self.rows(
            f"SELECT tagging_state AS state, count(*) AS number FROM document {where} GROUP BY tagging_state",
            **parameters,
        )
        return {row["state"]: row["number"] for row in rows}


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
                return session.get(f"{self.address}/readyz", timeout=2).status_code == 200
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
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"autotag up did not end within 30 s:\n{self.tail()}")

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
        self.command(
            *("instances", "create", "--web-id", web_id, "--virtual-host", web_id, *options), typed=PASSWORD
        )
        client = self.new_client()
        # A machine of its own: ten people may not sign in from one address within a minute.
        client.session.mount("http://", _From(f"127.0.1.{len(self._clients)}"))
        # Names below localhost lead nowhere on some machines; the server goes by this header alone.
        client.session.headers["Host"] = f"{web_id}.localhost:{self.port}"
        answer = client.sign_in(email)
        assert client.is_signed_in, f"sign-in led to {answer.url}: {answer.text[:500]}"
        client.is_signed_in = False  # not the one that `client` is for
        return Tenant(self, web_id, client)

    def unfinished(self, document_ids: Iterable[int]) -> int:
        states = self.database.states(document_ids)
        return sum(states.get(state, 0) for state in UNFINISHED)

    def wait_final(self, document_ids: Iterable[int], seconds: float = 60.0) -> None:
        """Wait until each of the documents has come to a final state."""
        ids = list(document_ids)
        assert sum(self.database.states(ids).values()) == len(set(ids)), "an upload has no row"
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

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """As `wait_for`, with the end of the log when it fails."""
        try:
            wait_for(condition, what, seconds)
        except pytest.fail.Exception as failure:
            pytest.fail(f"{failure}\n{self.tail()}")

    def run(self, *arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
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


InstallationFactory = Callable[..., Installation]


@pytest.fixture(scope="module")
def start_installation(request: pytest.FixtureRequest) -> Iterator[InstallationFactory]:
    """Start installations; at the end each is stopped, and none may leave a process behind."""
    started: list[Installation] = []
    on_postgresql = request.config.getoption("--postgresql")

    def start(
        workers: int = 2,
        *,
        running: bool = True,
        quick_start: bool = True,
        python: str = sys.executable,
        **settings: str,
    ) -> Installation:
        if on_postgresql and "AUTOTAG_DATABASE_URL" not in settings:
            settings["AUTOTAG_DATABASE_URL"] = new_database(request.getfixturevalue("postgresql_server"))
        # A short path: the broker's socket lies in it.
        folder = Path(tempfile.mkdtemp(prefix="at-"))
        installation = Installation(folder, workers, settings, quick_start=quick_start, python=python)
        started.append(installation)
        if running:
            installation.start()
        return installation

    yield start
    try:
        for installation in started:
            installation.stop()
    finally:
        for installation in started:
            for process in installation.processes():
                process.kill()
            shutil.rmtree(installation.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installation(start_installation: InstallationFactory) -> Installation:
    """One running installation for the tests of a module, with two workers."""
    return start_installation()


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of which the true class is known; `label` is it as a tag."""

    path: Path
    label: str

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture(scope="session")
def photographs() -> list[Photograph]:
    """The shared photographs with their true labels; skips where the folder is absent."""
    manifest = PHOTOGRAPHS / "manifest.json"
    if not manifest.is_file():
        pytest.skip("the shared photographs are not beside this clone (../shared/images)")
    entries = json.loads(manifest.read_text())
    return [Photograph(PHOTOGRAPHS / entry["file"], entry["label"].replace("'", "")) for entry in entries]


def draw_picture(number: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A drawing that differs with its number: enough for the whole road, though no model knows it."""
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for line in range(12):
        shift = (number * 37 + line * 53) % size[0]
        draw.line((shift, 0, size[0] - shift, size[1]), fill=(number * 7 % 256, line * 20, 200), width=9)
    return image


def jpeg(image: Image.Image, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", **options)
    return content.getvalue()


@pytest.fixture(scope="session")
def make_pictures() -> Callable[[int], list[bytes]]:
    """Make a number of JPEGs with different contents: photographs where they are there, else drawings.

    What follows the end of a JPEG is ignored by decoders but counts for the content hash.
    """
    paths = sorted(PHOTOGRAPHS.glob("*.jpg"))

    def make(number: int) -> list[bytes]:
        if not paths:
            return [jpeg(draw_picture(index)) for index in range(number)]
        return [
            paths[index % len(paths)].read_bytes() + index.to_bytes(2) + os.urandom(6)
            for index in range(number)
        ]

    return make


def load_stub(name: str) -> ModuleType:
    """Load a stub service by its path, once: `tests/stubs` is no package."""
    known = sys.modules.get(f"stubs_of_services_{name}")
    if known:
        return known
    spec = importlib.util.spec_from_file_location(f"stubs_of_services_{name}", STUBS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def google() -> Iterator[Any]:
    """A stub of Google Cloud Vision, for the whole road."""
    with load_stub("google_vision").GoogleVision() as service:
        yield service


@pytest.fixture(scope="module")
def microsoft() -> Iterator[Any]:
    """A stub of Microsoft's services, for the whole road."""
    with load_stub("microsoft").Microsoft() as service:
        yield service


@pytest.fixture(scope="session")
def waiter() -> Callable[[Callable[[], object], str, float], None]:
    """`wait_for`, for tests without an installation."""
    return wait_for


@pytest.fixture(scope="session")
def absent() -> Callable[[str], None]:
    """Skip because a part of this machine is absent; in CI that is a failure, because there none may be."""

    def report(reason: str) -> None:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI nothing may be skipped for that")
        pytest.skip(reason)

    return report


@pytest.fixture(scope="module")
def webhook_receiver() -> Iterator[Any]:
    """A small server that webhooks are sent to."""
    with load_stub("webhook_receiver").WebhookReceiver() as service:
        yield service


@pytest.fixture(scope="session")
def documented_verification() -> Callable[[str, str, bytes], bool]:
    """The five lines of docs/webhooks.md that verify a signature, as they stand there."""
    page = (REPOSITORY / "docs" / "webhooks.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 5
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102 - this project's own documentation
    verify: Callable[[str, str, bytes], bool] = names["is_from_autotag"]
    return verify


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that start installations: at the end, none of the test processes waits for a long one.

    With `--postgresql`, what has no database of its own or is about SQLite is left out.
    """
    items.sort(key=lambda item: "unit" in Path(item.path).relative_to(REPOSITORY).parts)
    if config.getoption("--postgresql"):
        kept = [item for item in items if _runs_on_postgresql(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _runs_on_postgresql(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    has_database = fixtures & {"database_url", "start_installation"}
    return bool(has_database) and not any(item.iter_markers("sqlite")) and "postgresql_url" not in fixtures
