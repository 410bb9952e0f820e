"""The log of a request and of the job that it led to: one vocabulary, one request id, nothing secret."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import LogCapture

from autotag.config import Config
from autotag.configuration.effective import EffectiveSettings
from autotag.inference.errors import ProcessCrashed
from autotag.inference.installing.store import ModelStore
from autotag.instances.directory import InstanceNames
from autotag.media.storage.storage import FolderStorage
from autotag.models import VirtualInstance
from autotag.observability import _name_instance, _name_of, name_instances
from autotag.providers.tensorflow import TensorFlowProvider
from autotag.tagging import jobs
from autotag.tagging.pipeline.pipeline import Pipeline
from autotag.tagging.queueing.queue import TaggingQueue
from autotag.tagging.queueing.rq_worker import build_worker
from tests.unit.conftest import Factory, ScriptedProcess
from tests.unit.tagging.conftest import enable_tensorflow

PNG = b"\x89PNG\r\n\x1a\n"
SignIn = Callable[..., None]


@pytest.fixture
def lines(sessions: sessionmaker[Session]) -> Iterator[list[structlog.typing.EventDict]]:
    """The lines of this process, with what is bound to their request or job."""
    before, capture = structlog.get_config(), LogCapture()
    name_instances(InstanceNames(sessions))
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _name_instance, capture],
        cache_logger_on_first_use=False,
    )
    yield capture.entries
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()
    _name_of.clear()


@pytest.fixture
def signals() -> Iterator[None]:
    """RQ takes the process's signals for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def editor(
    config: Config,
    broker: Redis,
    build_app: Callable[[Config], Flask],
    make: Factory,
    default_instance: VirtualInstance,
    sign_in: SignIn,
) -> FlaskClient:
    url = f"unix://{broker.connection_pool.connection_kwargs['path']}"
    app = build_app(replace(config, redis_url=url))
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    sign_in(client, make.user(default_instance))
    return client


@pytest.mark.usefixtures("default_instance")
def test_each_request_has_a_line_without_its_query(
    client: FlaskClient, lines: list[structlog.typing.EventDict]
) -> None:
    answer = client.get("/sign-in?next=/documents?access_token=geheim", headers={"X-Request-ID": "front-7"})
    assert answer.headers["X-Request-ID"] == "front-7"
    (line,) = lines
    assert 0 <= line.pop("duration") < 60
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "front-7",
        "instance": "default",
        "method": "GET",
        "path": "/sign-in",
        "endpoint": "auth.sign_in",
        "status": 200,
    }


@pytest.mark.usefixtures("default_instance")
def test_a_request_id_that_is_none_is_replaced_in_the_answer_too(client: FlaskClient) -> None:
    answer = client.get("/sign-in", headers={"X-Request-ID": "a b<script>"})
    assert answer.headers["X-Request-ID"].isalnum()


@pytest.mark.usefixtures("default_instance")
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/mark.svg"])
def test_health_checks_and_static_files_have_none(
    client: FlaskClient, lines: list[structlog.typing.EventDict], path: str
) -> None:
    client.get(path).close()
    assert [line for line in lines if line["event"] == "request"] == []


@pytest.mark.usefixtures("default_instance")
def test_a_password_and_a_cookie_are_in_no_line(
    client: FlaskClient, lines: list[structlog.typing.EventDict]
) -> None:
    client.post(
        "/sign-in", data={"email": "eva@x.test", "password": "geheim"}, headers={"Cookie": "a=geheim"}
    )
    client.get("/documents", headers={"Authorization": "Bearer geheim"})
    assert len(lines) >= 2
    assert "geheim" not in repr(lines)


@pytest.mark.usefixtures("signals")
def test_the_lines_of_web_and_worker_share_their_keys_and_the_request_id(
    editor: FlaskClient,
    broker: Redis,
    lines: list[structlog.typing.EventDict],
    sessions: sessionmaker[Session],
    storage: FolderStorage,
    default_instance: VirtualInstance,
    process: ScriptedProcess,
    models: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = editor.post(
        "/documents",
        data={"file": (BytesIO(PNG), "a.png")},
        headers={"X-Request-ID": "upload-1", "Accept": "application/json"},
    )
    assert answer.status_code == 201
    structlog.contextvars.clear_contextvars()
    process.script = [ProcessCrashed("Killed by signal 9.", "exit"), [("cat", 0.9)]]
    enable_tensorflow(sessions, default_instance.id)
    pipeline = Pipeline(
        sessions=sessions,
        storage=storage,
        process=process,  # type: ignore[arg-type]
        decoder=process,  # type: ignore[arg-type]
        settings=EffectiveSettings(sessions).for_instance,
        build_provider=lambda _entry: TensorFlowProvider(models, "toy"),
        worker="host.worker-1",
    )
    monkeypatch.setattr(jobs, "_bound", [(pipeline, TaggingQueue(broker))])
    structlog.contextvars.bind_contextvars(worker="host.worker-1")
    worker = build_worker(broker, "host.worker-1")
    worker.work(burst=True, logging_level="WARNING")
    crashed = next(line for line in lines if line["event"] == "TensorFlow process crashed")
    assert (crashed["request_id"], crashed["instance"]) == ("upload-1", "default")
    assert crashed["document_id"] == answer.json["id"]
    stored = next(line for line in lines if line["event"] == "document stored")
    request = next(line for line in lines if line["event"] == "request")
    done = next(line for line in lines if line["event"] == "document done")
    assert {line["request_id"] for line in (stored, request, done)} == {"upload-1"}
    assert {line["instance"] for line in (stored, request, done)} == {"default"}
    assert stored["document_id"] == done["document_id"] == answer.json["id"]
    assert done["worker"] == "host.worker-1"
    assert done["job_id"]
    assert isinstance(done["duration"], float)
    assert isinstance(request["duration"], float)
    assert "instance_id" not in done
    assert structlog.contextvars.get_contextvars() == {"worker": "host.worker-1"}
