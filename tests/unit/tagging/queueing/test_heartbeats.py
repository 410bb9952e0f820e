"""Signs of life, against a real broker."""

import json
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from autotag.guards import FailingStep
from autotag.models.base import utc_now
from autotag.tagging.queueing import heartbeats
from autotag.tagging.queueing.heartbeats import LIFETIME_MILLISECONDS, NAMES, Heartbeat, Part, living
from autotag.tagging.queueing.queue import TaggingQueue
from tests.conftest import wait_for


@pytest.fixture
def heartbeat(broker: Redis) -> Iterator[Heartbeat]:
    started = Heartbeat(broker, Part.WORKER, "host.worker-1.ab12")
    started.start()
    wait_for(lambda: living(broker), "the first sign")
    yield started
    started.stop()


def test_nobody_is_alive_in_an_empty_broker(broker: Redis) -> None:
    assert living(broker) == []


def test_a_living_process_is_named_with_since_when(broker: Redis, heartbeat: Heartbeat) -> None:
    (sign,) = living(broker)
    assert (sign.part, sign.name, sign.doing) == (Part.WORKER, "host.worker-1.ab12", "")
    assert sign.since.tzinfo is not None
    assert 0 <= sign.silent_seconds < LIFETIME_MILLISECONDS / 1000


def test_what_it_does_is_told_with_its_next_sign(broker: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.01)
    started = Heartbeat(broker, Part.SCHEDULER, "host")
    started.start()
    started.note("tagging")
    wait_for(lambda: [sign.doing for sign in living(broker)] == ["tagging"], "the word")
    started.stop()


def test_who_stops_is_gone_at_once(broker: Redis, heartbeat: Heartbeat) -> None:
    heartbeat.stop()
    assert living(broker) == []
    assert broker.smembers(NAMES) == set()


def test_who_is_killed_is_gone_when_the_sign_has_run_out(broker: Redis, heartbeat: Heartbeat) -> None:
    key = f"{NAMES}:worker:host.worker-1.ab12"
    assert 0 < broker.pttl(key) <= LIFETIME_MILLISECONDS
    broker.pexpire(key, 1)
    wait_for(lambda: not broker.exists(key), "its end")
    assert living(broker) == []


def test_a_name_that_was_dropped_comes_back_with_the_next_sign(
    broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.01)
    started = Heartbeat(broker, Part.WORKER, "slow")
    started.start()
    wait_for(lambda: living(broker), "the first sign")
    broker.flushall()
    wait_for(lambda: [sign.name for sign in living(broker)] == ["slow"], "its return")
    started.stop()


def test_a_broker_that_is_away_stops_nobody(no_broker: TaggingQueue) -> None:
    started = Heartbeat(no_broker.connection, Part.WORKER, "alone")
    started.start()
    started.stop()
    with pytest.raises(RedisError):
        living(no_broker.connection)


NOW = utc_now().isoformat()
ODD_NAMES = ("", "worker", "worker:", "cook:jim", ":", b"\xff\xfe", "worker:" + "x" * 10_000, b"worker:\xff")
ODD_SIGNS = {
    "no-json": "no JSON",
    "empty-object": "{}",
    "a-list": "[1]",
    "a-number": "7",
    "bytes": b"\xff\xfe",
    "nested": "[" * 100_000,
    "no-time": json.dumps({"since": "yesterday", "doing": ""}),
    "a-number-for-a-time": json.dumps({"since": 5, "doing": ""}),
    "no-zone": json.dumps({"since": "2026-01-01T00:00:00", "doing": ""}),
    "odd-failing": json.dumps({"since": NOW, "doing": "", "failing": 5}),
    "odd-step": json.dumps({"since": NOW, "doing": "", "failing": [{"step": "x"}]}),
    "long": json.dumps({"since": NOW, "doing": "x" * 1_000_000}),
}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_what_is_no_name_of_a_process_is_skipped_and_removed(
    broker: Redis, heartbeat: Heartbeat, name: str | bytes
) -> None:
    broker.sadd(NAMES, name)
    for _ in range(2):
        assert [sign.name for sign in living(broker)] == ["host.worker-1.ab12"]
    assert broker.smembers(NAMES) == {b"worker:host.worker-1.ab12"}


@pytest.mark.parametrize("name", ODD_SIGNS)
def test_what_is_no_sign_is_skipped_and_removed(broker: Redis, heartbeat: Heartbeat, name: str) -> None:
    broker.sadd(NAMES, f"worker:{name}")
    broker.set(f"{NAMES}:worker:{name}", ODD_SIGNS[name])
    assert [sign.name for sign in living(broker)] == ["host.worker-1.ab12"]
    assert broker.smembers(NAMES) == {b"worker:host.worker-1.ab12"}
    assert not broker.exists(f"{NAMES}:worker:{name}")


def test_a_sign_of_another_type_is_removed(broker: Redis, heartbeat: Heartbeat) -> None:
    broker.sadd(NAMES, "scheduler:list")
    broker.rpush(f"{NAMES}:scheduler:list", "x")
    assert len(living(broker)) == 1
    assert not broker.exists(f"{NAMES}:scheduler:list")


def test_a_sign_without_an_end_is_not_silent_for_less_than_no_time(broker: Redis) -> None:
    broker.sadd(NAMES, "worker:endless")
    broker.set(f"{NAMES}:worker:endless", json.dumps({"since": NOW, "doing": ""}))
    (sign,) = living(broker)
    assert sign.silent_seconds >= 0
    assert sign.failing == ()


def test_a_sign_tells_which_steps_fail(broker: Redis) -> None:
    step = FailingStep("runs", "run 3", utc_now(), 4, "KeyError: 'x'")
    started = Heartbeat(broker, Part.SCHEDULER, "host", failing=lambda: [step])
    started.start()
    wait_for(lambda: living(broker), "the first sign")
    assert living(broker)[0].failing == (step,)
    started.stop()


def test_an_unexpected_error_does_not_end_the_signs(broker: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.01)
    errors = [RuntimeError("unexpected"), RuntimeError("again")]

    def failing() -> list[FailingStep]:
        if errors:
            raise errors.pop()
        return []

    started = Heartbeat(broker, Part.SCHEDULER, "host", failing=failing)
    started.start()
    wait_for(lambda: living(broker), "a sign in spite of the errors")
    assert errors == []
    started.stop()
