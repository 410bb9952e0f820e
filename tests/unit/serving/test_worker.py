from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autotag.serving import worker
from autotag.serving.worker import wait_for_broker


def test_a_broker_that_is_there_is_not_waited_for(broker_socket: Path) -> None:
    with capture_logs() as logs, wait_for_broker(f"unix://{broker_socket}") as connection:
        assert connection.ping()
    assert logs == []


def test_a_broker_that_comes_later_is_waited_for_and_that_is_said_once(
    broker_socket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            (tmp_path / "late.sock").symlink_to(broker_socket)

    monkeypatch.setattr(worker.time, "sleep", sleep)
    with capture_logs() as logs, wait_for_broker(f"unix://{tmp_path / 'late.sock'}") as connection:
        assert connection.ping()
    assert len(slept) == 3
    assert [entry["event"] for entry in logs] == ["waiting for the broker"]
