"""Signs of life, against a real broker."""

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from autotag.tagging import heartbeats
from autotag.tagging.heartbeats import LIFETIME_MILLISECONDS, NAMES, Heartbeat, Part, living
from autotag.tagging.queue import TaggingQueue
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
