"""What the unit tests share: a migrated database for each, a broker for all, and makers of rows."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from autotag import create_app
from autotag.config import Config
from autotag.extensions import counts_in_memory
from autotag.inference.installing.store import ModelStore
from autotag.inference.messages import ImageRequest, ImageResult, Prediction
from autotag.inference.models.model import DESCRIPTION_FILE, ModelDescription
from autotag.instances import passwords
from autotag.instances.people import open_session
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import (
    DEFAULT_WEB_ID,
    AssignmentSource,
    Document,
    Role,
    Tag,
    TagAssignment,
    TaggingState,
    User,
    VirtualInstance,
    schema,
)
from autotag.models.engine import build_engine, build_session_factory
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.queueing.queue import TaggingQueue, connect

BROKER_START_SECONDS = 10.0
QUICK_METHOD = "scrypt:1024:8:1"
# Without a deadline: a busy machine is no fault of the code.
settings.register_profile("unit", max_examples=60, deadline=None)
settings.load_profile("unit")

Row = TypeVar("Row")


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the tables of this version, to be copied."""
    path = tmp_path_factory.mktemp("template") / "autotag.sqlite"
    engine = build_engine(f"sqlite:///{path}", durable=False)
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`; `pytest_generate_tests` gives it where a test runs with both."""
    kind: str = getattr(
        request, "param", "postgresql" if request.config.getoption("--postgresql") else "sqlite"
    )
    return kind


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    if database_kind == "postgresql":
        url: str = request.getfixturevalue("emptied_database")()
        return url
    migrated_template: Path = request.getfixturevalue("migrated_template")
    path = tmp_path / "autotag.sqlite"
    shutil.copyfile(migrated_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    factory = build_session_factory(database_url, durable=False)
    yield factory
    factory.kw["bind"].dispose()


@pytest.fixture
def engine(sessions: sessionmaker[Session]) -> Engine:
    found: Engine = sessions.kw["bind"]
    return found


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as opened:
        yield opened


class Factory:
    """Makes committed rows; whatever a test does not name has a value that it does not depend on."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._numbers = count(1)

    def _save(self, row: Row) -> Row:
        with self._sessions() as session, unit_of_work(session) as work:
            work.session.add(row)
        return row

    def instance(self, web_id: str | None = None, **values: object) -> VirtualInstance:
        name = web_id or f"site{next(self._numbers)}"
        values.setdefault("virtual_host", "localhost" if name == DEFAULT_WEB_ID else name)
        return self._save(VirtualInstance(web_id=name, **values))

    def user(self, instance: VirtualInstance, role: Role = Role.EDITOR, **values: object) -> User:
        values.setdefault("email", f"person{next(self._numbers)}@example.test")
        values.setdefault("password_hash", "no password fits")
        return self._save(User(instance_id=instance.id, role=role, **values))

    def token(self, user: User) -> str:
        """Sign a person in without the slow look at a password; return the token for the cookie."""
        with self._sessions() as session, unit_of_work(session) as work:
            return open_session(work, work.session.merge(user), address="127.0.0.1", browser="test")

    def document(self, instance: VirtualInstance, **values: object) -> Document:
        number = next(self._numbers)
        values.setdefault("title", f"Document {number}")
        values.setdefault("file_name", f"{number}.png")
        values.setdefault("sha256", hashlib.sha256(str(number).encode()).hexdigest())
        values.setdefault("mime_type", "image/png")
        values.setdefault("size", 1)
        values.setdefault("tagging_state", TaggingState.QUEUED)
        return self._save(Document(instance_id=instance.id, **values))

    def tag(
        self,
        document: Document,
        name: str,
        *,
        source: AssignmentSource = AssignmentSource.MANUAL,
        confidence: float | None = None,
        **facts: object,
    ) -> Tag:
        tag = self._save(Tag(instance_id=document.instance_id, name=name, normalized_name=fold(name)))
        self._save(
            TagAssignment(
                instance_id=document.instance_id,
                document_id=document.id,
                tag_id=tag.id,
                source=source,
                confidence=confidence,
                **facts,
            )
        )
        return tag


@pytest.fixture
def make(sessions: sessionmaker[Session]) -> Factory:
    return Factory(sessions)


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Passwords are hashed as ours are, only with less work; a test of its own holds the real cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "METHOD", QUICK_METHOD)
        yield


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "files")


@pytest.fixture(scope="session")
def broker_socket() -> Iterator[Path]:
    """A real broker, started as the product starts it. A socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="at-") as folder:
        socket = Path(folder) / "broker.sock"
        command = [sys.executable, "-m", "autotag.serving.broker", folder, str(socket), str(os.getpid())]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _wait_for(socket)
                yield socket
            finally:
                process.kill()


def _wait_for(socket: Path) -> None:
    deadline = time.monotonic() + BROKER_START_SECONDS
    with connect(f"unix://{socket}") as client:
        while True:
            try:
                client.ping()
            except RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


@pytest.fixture
def broker(broker_socket: Path) -> Iterator[Redis]:
    """A connection to the broker, which is empty."""
    with connect(f"unix://{broker_socket}") as client:
        client.flushall()
        yield client


@pytest.fixture
def queue(broker: Redis) -> TaggingQueue:
    return TaggingQueue(broker)


@pytest.fixture
def no_broker(tmp_path: Path) -> Iterator[TaggingQueue]:
    """The queue of a broker that is away."""
    with connect(f"unix://{tmp_path / 'nobody.sock'}") as client:
        yield TaggingQueue(client)


@dataclass
class ScriptedProcess:
    """Stands in for the inference process: answers from a script, and writes the renditions it is asked for.

    `script` holds what happens at each call: predictions to answer or an error to raise. When it has run out,
    its last entry is repeated. `during` is called while an image is in hand.
    """

    script: list[list[tuple[str, float]] | Exception] = field(default_factory=lambda: [[("cat", 0.9)]])
    during: Callable[[], None] = lambda: None
    keywords: tuple[str, ...] = ()
    requests: list[ImageRequest] = field(default_factory=list)

    def process(self, request: ImageRequest) -> ImageResult:
        step = self.script[min(len(self.requests), len(self.script) - 1)]
        self.requests.append(request)
        self.during()
        if isinstance(step, Exception):
            raise step
        for rendition in request.renditions:
            rendition.path.write_bytes(f"{rendition.longest_side}".encode())
        predictions = tuple(Prediction(*pair) for pair in step) if request.model else ()
        return ImageResult(
            width=640,
            height=480,
            mime_type="image/png",
            placeholder="tiny",
            predictions=predictions,
            model=str(request.model),
            model_sha256=None,
            runtime="scripted 1",
            seconds={},
            exif={"Camera": "Scripted"},
            keywords=self.keywords if request.reads_keywords else (),
        )


@pytest.fixture
def process() -> ScriptedProcess:
    return ScriptedProcess()


@pytest.fixture
def models(tmp_path: Path) -> ModelStore:
    """A store with one model, `toy`, whose files are there but which no interpreter could run."""
    folder = tmp_path / "models" / "toy"
    folder.mkdir(parents=True)
    description = ModelDescription(
        name="toy",
        title="Toy",
        input_width=8,
        input_height=8,
        mean=(0.0, 0.0, 0.0),
        standard_deviation=(1.0, 1.0, 1.0),
        crop_fraction=1.0,
        resampling="bilinear",
        model_file="model.tflite",
        label_file="labels.txt",
        has_background_class=False,
        class_count=2,
        licence="none",
        source="the tests",
        accuracy="none",
        sha256="ab" * 32,
        size=4,
    )
    (folder / DESCRIPTION_FILE).write_text(description.to_json())
    (folder / "model.tflite").write_bytes(b"toy!")
    (folder / "labels.txt").write_text("cat\ndog\n")
    return ModelStore(tmp_path / "models")


@pytest.fixture
def keep(storage: FolderStorage) -> Callable[[bytes], str]:
    """Keeps an original in the storage and returns its content hash."""

    def keep(content: bytes) -> str:
        path = storage.incoming()
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        storage.keep(path, original_key(sha256), durable=False)
        return sha256

    return keep


@pytest.fixture
def config(tmp_path: Path, database_url: str, storage: FolderStorage) -> Config:
    """A configuration whose broker is away."""
    return Config(
        instance_path=tmp_path,
        database_url=database_url,
        redis_url=f"unix://{tmp_path / 'nobody.sock'}",
        storage_path=storage.root,
        secret_key="only for tests",
        admin_email="admin@localhost",
    )


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Templates are compiled once for the thousands of applications: a third of the time of the tests of pages."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def build_app(compiled_templates: BytecodeCache) -> Iterator[Callable[[Config], Flask]]:
    """Builds applications and lets go of what they hold at the end."""
    built: list[Flask] = []
    # Applications of one process share it; each test begins with no call counted.
    counts_in_memory.storage.reset()

    def build(config: Config) -> Flask:
        app = create_app(config)
        app.jinja_env.bytecode_cache = compiled_templates
        app.testing = True
        # Errors are shown as in production; tests look at the page.
        app.config["PROPAGATE_EXCEPTIONS"] = False
        built.append(app)
        return app

    yield build
    for app in built:
        _let_go(app)


def _let_go(app: Flask) -> None:
    from autotag.extensions import db

    with app.app_context():
        db.engine.dispose()
    app.extensions["autotag"].ledger.stop()
    app.extensions["autotag"].queue.connection.close()


@pytest.fixture
def app(config: Config, build_app: Callable[[Config], Flask]) -> Flask:
    return build_app(config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def default_instance(make: Factory) -> VirtualInstance:
    return make.instance(DEFAULT_WEB_ID)


@pytest.fixture
def sign_in(make: Factory) -> Callable[[FlaskClient, User, str], None]:
    """Puts a live session's token into a browser's cookie, for a host."""

    def sign_in(client: FlaskClient, user: User, host: str = "localhost") -> None:
        with client.session_transaction(base_url=f"http://{host}/") as cookie:
            cookie["_user_id"] = make.token(user)
            cookie["_fresh"] = True

    return sign_in
