"""Who is alive and has what in hand, with a real broker."""

from datetime import timedelta

from redis import Redis

from autotag.models.base import utc_now
from autotag.operations.open_documents import Item
from autotag.operations.process_status import Crew, hands, look_at_crew
from autotag.tagging.queueing.heartbeats import Heartbeat, Part, Sign, living
from autotag.tagging.queueing.queue import TaggingQueue
from tests.conftest import wait_for

NOW = utc_now()


def item(claim: str | None, minutes: int = 0) -> Item:
    since = NOW - timedelta(minutes=minutes)
    return Item(1, 1, "title", "a.jpg", "", since, None, claim, NOW + timedelta(minutes=2))


def sign(name: str) -> Sign:
    return Sign(Part.WORKER, name, NOW, "", 0.5)


def test_without_a_broker_nobody_can_be_asked(no_broker: TaggingQueue) -> None:
    assert look_at_crew(no_broker) == Crew(is_reachable=False)


def test_the_living_and_the_waiting_jobs_are_told(broker: Redis, queue: TaggingQueue) -> None:
    assert look_at_crew(queue) == Crew(is_reachable=True)
    beats = [Heartbeat(broker, Part.WORKER, "host.worker-1.ab"), Heartbeat(broker, Part.SCHEDULER, "host.cd")]
    for beat in beats:
        beat.start()
    wait_for(lambda: len(living(broker)) == 2, "both signs")
    queue.enqueue(1, [1])
    crew = look_at_crew(queue)
    assert [found.name for found in crew.workers] == ["host.worker-1.ab"]
    assert [found.name for found in crew.schedulers] == ["host.cd"]
    assert crew.jobs_waiting == 1
    for beat in beats:
        beat.stop()


def test_what_is_in_hand_stands_with_its_worker_and_the_silent_come_last() -> None:
    crew = Crew(True, 0, (sign("host.worker-2.cd"), sign("host.worker-3.ef")), ())
    items = [item("host.worker-1/x", 9), item("host.worker-2/y", 3), item("host.worker-2/y", 5)]
    found = hands(crew, items)
    assert [(hand.worker, hand.sign is not None, len(hand.items)) for hand in found] == [
        ("host.worker-2", True, 2),
        ("host.worker-3", True, 0),
        ("host.worker-1", False, 1),
    ]
    assert found[0].since == NOW - timedelta(minutes=5)
    assert found[1].since is None
    assert found[2].taken_back_at == NOW + timedelta(minutes=2)
