from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autotag.serving import worker
from autotag.serving.worker import wait_for_broker
from autotag.tagging.queueing.rq_worker import build_worker


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


def test_a_worker_without_work_waits_longer_than_the_client_would(broker_socket: Path) -> None:
    with wait_for_broker(f"unix://{broker_socket}") as connection:
        worker = build_worker(connection, "host.worker-1")
        used = connection.connection_pool.get_connection()
        try:
            assert used.socket_timeout >= worker.connection_timeout > worker.dequeue_timeout
        finally:
            connection.connection_pool.release(used)
