from __future__ import annotations

import fcntl
import io
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autotag.cli import group
from autotag.serving import forker_client, supervisor

Up = Callable[..., Result]


@pytest.fixture
def answer() -> tuple[bytes, int]:
    """What setting up says, and its exit code."""
    return b'{"email": "admin@localhost", "password": null}', 0


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, answer: tuple[bytes, int]) -> dict[str, str]:
    """The commands that would be started, by the name of the part; none is. Setting up is somebody else's test."""
    added: dict[str, str] = {}

    class Recorder(supervisor.Supervisor):
        def add_process(self, name: str, command: str) -> None:
            added[name] = command

        def add_part(self, name: str, start: Callable[[], Started]) -> None:
            added[name] = " ".join(start().arguments)

        @contextmanager
        def needed_starting(self) -> Iterator[None]:
            yield

        def loop(self, _when_started: object = None) -> None:
            self.returncode = 143

    class Started:
        def __init__(self, arguments: list[str]) -> None:
            self.arguments = arguments
            self.stdout = io.BytesIO(answer[0])

        def wait(self) -> int:
            return answer[1]

    class Starter(forker_client.Forker):
        def __init__(self, module: str) -> None:
            assert module == "autotag.cli.forker"

        def start(self, arguments: list[str], **_options: int) -> Started:
            return Started(arguments)

        def close(self) -> None:
            pass

    monkeypatch.setattr(supervisor, "Supervisor", Recorder)
    monkeypatch.setattr(forker_client, "Forker", Starter)
    return added


@pytest.fixture
def up(tmp_path: Path, parts: dict[str, str]) -> Up:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    runner = CliRunner(env={"AUTOTAG_INSTANCE_PATH": str(tmp_path)})

    def up(*options: str, **settings: str) -> Result:
        return runner.invoke(group, ["up", "--port", str(port), *options], env=settings)

    return up


def test_everything_is_started(up: Up, parts: dict[str, str]) -> None:
    result = up("--workers", "2", "--host", "localhost")
    assert result.exit_code == 143
    assert list(parts) == ["broker", "web", "worker-1", "worker-2", "scheduler"]
    assert "-m autotag.serving.broker" in parts["broker"]
    assert parts["web"].startswith("web --host localhost --port ")
    assert (parts["worker-2"], parts["scheduler"]) == ("worker --name worker-2", "scheduler")


def test_the_environment_says_how_many_workers(up: Up, parts: dict[str, str]) -> None:
    up(AUTOTAG_WORKERS="3")
    assert [name for name in parts if name.startswith("worker")] == ["worker-1", "worker-2", "worker-3"]


def test_with_a_broker_outside_none_is_started(up: Up, parts: dict[str, str]) -> None:
    up(AUTOTAG_REDIS_URL="redis://broker:6379")
    assert "broker" not in parts


def test_a_port_in_use_is_told_with_what_to_do(up: Up, parts: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = up("--port", str(port))
    assert (result.exit_code, parts) == (1, {})
    assert f"make run PORT={port + 1}" in result.stderr


def test_an_address_that_is_not_ours_is_told(up: Up, parts: dict[str, str]) -> None:
    result = up("--host", "192.0.2.1")
    assert (result.exit_code, parts) == (1, {})
    assert result.stderr.startswith("Error: Cannot listen on 192.0.2.1")


def test_a_folder_is_served_once(up: Up, parts: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / ".up.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = up()
    assert (result.exit_code, parts) == (1, {})
    assert result.stderr == f"Error: Autotag is running in {tmp_path} already.\n"


@pytest.mark.parametrize("answer", [(b"", 1), (b"", -9)])
def test_when_setting_up_fails_nothing_that_needs_it_is_started(up: Up, parts: dict[str, str]) -> None:
    assert up().exit_code == 1
    assert list(parts) == ["broker"]
