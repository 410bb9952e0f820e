import threading

import pytest
from redis import Redis
from redis.exceptions import RedisError

from autotag.metrics import counters
from autotag.metrics.counters import Ledger, Sample, read
from autotag.tagging.queueing.queue import TaggingQueue
from tests.conftest import wait_for


def test_the_sums_of_several_processes_are_one(broker: Redis) -> None:
    for _ in range(2):
        process = Ledger()
        process.add("images", "1", "tagged")
        process.add("images", "1", "tagged", amount=2)
        process.hand_over(broker)
        process.hand_over(broker)
    assert read(broker) == [Sample("images", ("1", "tagged"), "", 6.0)]


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.005, "0.005"), (0.006, "0.01"), (30.0, "30.0"), (31.0, "inf")]
)
def test_a_duration_counts_in_the_first_bucket_that_holds_it(
    broker: Redis, seconds: float, bound: str
) -> None:
    process = Ledger()
    process.observe("stages", seconds, "decode")
    process.hand_over(broker)
    assert {sample.part: sample.value for sample in read(broker)} == {bound: 1, "sum": pytest.approx(seconds)}


def test_a_broker_that_is_away_loses_nothing(broker: Redis, no_broker: TaggingQueue) -> None:
    process = Ledger()
    process.add("images")
    with pytest.raises(RedisError):
        process.hand_over(no_broker.connection)
    process.add("images")
    process.hand_over(broker)
    assert read(broker) == [Sample("images", (), "", 2.0)]


def test_sums_are_handed_over_by_themselves_and_at_the_end(
    broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "EVERY_SECONDS", 0.01)
    before = set(threading.enumerate())
    process = Ledger()
    process.start(broker)
    process.start(broker)
    assert [thread.name for thread in set(threading.enumerate()) - before].count("ledger") == 1
    process.add("images")
    wait_for(lambda: read(broker), "the first sum")
    monkeypatch.setattr(counters, "EVERY_SECONDS", 60.0)
    process.add("images", amount=4)
    process.stop()
    assert read(broker) == [Sample("images", (), "", 5.0)]


def test_adding_from_many_threads_loses_nothing(broker: Redis) -> None:
    process = Ledger()
    threads = [threading.Thread(target=lambda: [process.add("images") for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    process.hand_over(broker)
    assert read(broker)[0].value == 2000


ODD_SUMS: dict[str | bytes, str | bytes] = {
    "no JSON": "1",
    b"\xff\xfe": "1",
    "[1]": "1",
    "7": "1",
    '["images", "labels", ""]': "1",
    '["images", [1], ""]': "1",
    '["images", {"a": 1}, ""]': "1",
    '[null, [], ""]': "1",
    "[" * 100_000: "1",
    '["images", ["2", "tagged"], ""]': "many",
    '["images", ["3", "tagged"], ""]': "nan",
    '["images", ["4", "tagged"], ""]': b"\xff",
}


@pytest.mark.parametrize("name", ODD_SUMS, ids=lambda name: ascii(name)[:30])
def test_what_is_no_sum_is_skipped_and_removed(broker: Redis, name: str | bytes) -> None:
    process = Ledger()
    process.add("images", "1", "tagged")
    process.hand_over(broker)
    broker.hset(counters.SUMS, name, ODD_SUMS[name])
    assert read(broker) == [Sample("images", ("1", "tagged"), "", 1.0)]
    assert broker.hlen(counters.SUMS) == 1


def test_an_unexpected_error_loses_no_sum_and_does_not_end_the_handing_over(
    broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "EVERY_SECONDS", 0.01)
    process = Ledger()
    process.add("images")
    hand_over, errors = process.hand_over, [RuntimeError("unexpected")]

    def fail_once(connection: Redis) -> None:
        if errors:
            raise errors.pop()
        hand_over(connection)

    monkeypatch.setattr(process, "hand_over", fail_once)
    process.start(broker)
    wait_for(lambda: read(broker), "the first sum")
    process.stop()
    assert read(broker) == [Sample("images", (), "", 1.0)]
