import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from autotag.serving.broker import broker_command
from tests.conftest import wait_for


def test_the_folders_are_made_for_their_owner_only(tmp_path: Path) -> None:
    socket = tmp_path / "run" / "broker.sock"
    for _ in range(2):
        command = broker_command(tmp_path, socket)
    assert Path(command[0]).is_file()
    for folder in (socket.parent, tmp_path / "broker"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_socket_is_for_its_owner_only(broker_socket: Path) -> None:
    assert stat.S_IMODE(broker_socket.stat().st_mode) == 0o700


def test_no_port_is_opened(broker: Redis) -> None:
    assert broker.info("server")["tcp_port"] == 0


@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendonly", "yes"), ("appendfsync", "everysec"), ("save", ""), ("maxmemory-policy", "noeviction")],
)
def test_jobs_survive_a_restart_and_are_never_evicted(broker: Redis, setting: str, value: str) -> None:
    assert broker.config_get(setting)[setting] == value


def test_nobody_can_debug_it(broker: Redis) -> None:
    with pytest.raises(ResponseError, match="DEBUG command not allowed"):
        broker.execute_command("DEBUG", "SLEEP", "0")


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "autotag.serving.broker", *sys.argv[1:], str(os.getpid())])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent(broker_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has started a broker; it says the broker's number."""
    command = [sys.executable, "-c", PARENT, str(broker_folder), str(broker_folder / "broker.sock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def broker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A socket's path must be short.
    return tmp_path_factory.mktemp("b")


def has_ended(process: psutil.Process) -> bool:
    """Its new parent may be slow to collect it; then it is a zombie, which has ended as well."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_takes_its_starters_place_and_ends_with_its_parent(
    parent: subprocess.Popen[str], broker_folder: Path
) -> None:
    assert parent.stdout is not None
    started = psutil.Process(int(parent.stdout.readline()))
    wait_for((broker_folder / "broker.sock").exists, "the broker's start")
    assert "valkey" in started.name()
    parent.kill()
    wait_for(lambda: has_ended(started), "the broker's end", 10)


def test_a_parent_that_has_died_already_gets_no_broker(broker_folder: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    command = [sys.executable, "-m", "autotag.serving.broker", str(broker_folder), str(broker_folder / "s")]
    done = subprocess.run([*command, str(gone.pid)], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (1, f"the parent process {gone.pid} is gone\n")
    assert not (broker_folder / "s").exists()
