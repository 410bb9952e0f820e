import stat
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from autotag.serving.broker import broker_command


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
