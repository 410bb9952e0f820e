import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs

from autotag.config import Config
from autotag.media.storage.storage import FolderStorage
from autotag.serving import scheduler
from autotag.serving.scheduler import run_scheduler
from autotag.tagging.queueing.heartbeats import Part, Sign, living
from autotag.tagging.queueing.queue import TaggingQueue
from tests.unit.conftest import Factory


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(scheduler, "RECONCILE_SECONDS", 0.02)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run_until(
    config: Config, condition: Callable[[], object], number: signal.Signals = signal.SIGTERM
) -> None:
    def watch() -> None:
        deadline = time.monotonic() + 10
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, daemon=True).start()
    run_scheduler(config)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_lost_is_handed_out_until_a_signal_ends_it(
    config: Config, broker_socket: Path, queue: TaggingQueue, make: Factory, number: signal.Signals
) -> None:
    make.document(make.instance())
    run_until(replace(config, redis_url=f"unix://{broker_socket}"), queue.waiting, number)
    assert queue.waiting() == 1


def test_uploads_that_never_ended_are_swept_at_the_start(config: Config, storage: FolderStorage) -> None:
    path = storage.incoming()
    path.write_bytes(b"left behind")
    os.utime(path, (0, 0))
    run_until(config, lambda: not path.exists())
    assert not path.exists()


def test_a_database_in_trouble_is_tried_again(config: Config, tmp_path: Path) -> None:
    broken = replace(config, database_url=f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with capture_logs() as logs:
        run_until(broken, lambda: len(logs) >= 2)
    assert {entry["event"] for entry in logs} == {"step failed, trying again"}
    assert "no such table" in logs[0]["error"]
    assert {entry["exc_info"] for entry in logs} == {None}, "it may pass, so there is no traceback"


def test_the_scheduler_is_known_to_be_alive_while_it_runs(
    config: Config, broker_socket: Path, broker: Redis
) -> None:
    seen: list[Sign] = []

    def is_alive() -> bool:
        seen.extend(living(broker))
        return bool(seen)

    run_until(replace(config, redis_url=f"unix://{broker_socket}"), is_alive)
    assert {sign.part for sign in seen} == {Part.SCHEDULER}
    assert living(broker) == []
