import fcntl
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autotag.cli import group
from autotag.cli import up as module
from autotag.serving import supervisor

Up = Callable[..., Result]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The parts that would be started, by name; none is. Setting up is somebody else's test."""
    added: dict[str, str] = {}

    class Recorder(supervisor.Supervisor):
        def add_process(self, name: str, command: str) -> None:
            added[name] = command

        def loop(self, _when_started: object = None) -> None:
            self.returncode = 143

    monkeypatch.setattr(supervisor, "Supervisor", Recorder)
    answer = b'{"email": "admin@localhost", "password": null}'
    monkeypatch.setattr(
        module.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=answer)
    )
    return added


@pytest.fixture
def up(tmp_path: Path, parts: dict[str, str]) -> Up:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    runner = CliRunner(env={"AUTOTAG_INSTANCE_PATH": str(tmp_path)})

    def up(*options: str, **settings: str) -> Result:
        return runner.invoke(group, ["up", "--port", str(port), *options], env=settings)

    return up


def test_everything_is_started_on_a_leash(up: Up, parts: dict[str, str]) -> None:
    result = up("--workers", "2")
    assert result.exit_code == 143
    assert list(parts) == ["broker", "web", "worker-1", "worker-2", "scheduler"]
    assert all("autotag.serving.leash" in command for command in parts.values())
    assert "autotag worker --name worker-2" in parts["worker-2"]


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


def test_when_setting_up_fails_nothing_is_started(
    up: Up, parts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, stdout=b"")
    )
    assert up().exit_code == 1
    assert parts == {}
