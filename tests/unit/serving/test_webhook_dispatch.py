"""Threads for webhooks: bounded for all and for each instance, so that dead addresses delay nobody else's."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.models import Webhook, WebhookDelivery, WebhookEvent
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.webhook_dispatch import MOST_OF_AN_INSTANCE, WebhookDispatch
from tests.unit.conftest import Factory

Wait = Callable[[Callable[[], object], str, float], None]


class Sender:
    """Stands in for what sends: it holds each webhook until it is let go."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.fails = False
        self.gate = threading.Event()

    def work_off(self, webhook_id: int) -> int:
        self.asked.append(webhook_id)
        self.gate.wait(20)
        if self.fails:
            raise OperationalError("select", {}, OSError("the database is away"))
        return 1


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.gate.set()


@pytest.fixture
def add(sessions: sessionmaker[Session], make: Factory) -> Callable[[str, int], list[int]]:
    """Adds webhooks with a delivery each to a new instance; returns their ids."""

    def add(web_id: str, number: int) -> list[int]:
        instance = make.instance(web_id)
        ids = []
        with sessions() as session, unit_of_work(session) as work:
            for _ in range(number):
                webhook = Webhook(instance_id=instance.id, address="https://example.com/", events=[])
                work.session.add(webhook)
                work.session.flush()
                ids.append(webhook.id)
                work.session.add(
                    WebhookDelivery(
                        instance_id=instance.id,
                        webhook_id=webhook.id,
                        event_id="evt_1",
                        event=WebhookEvent.DOCUMENT_TAGGED,
                        body="{}",
                    )
                )
        return ids

    return add


def dispatch_of(sessions: sessionmaker[Session], sender: Sender, most: int = 4) -> WebhookDispatch:
    return WebhookDispatch(sessions, sender, most_threads=most)  # type: ignore[arg-type]


def test_dead_addresses_of_one_instance_leave_room_for_another(
    sessions: sessionmaker[Session], sender: Sender, add: Callable[[str, int], list[int]], waiter: Wait
) -> None:
    dead = add("dead", 6)
    alive = add("alive", 1)
    dispatch = dispatch_of(sessions, sender)
    assert dispatch.step() == MOST_OF_AN_INSTANCE + 1
    waiter(lambda: len(sender.asked) == 3, "three threads", 10)
    assert len(set(sender.asked) & set(dead)) == MOST_OF_AN_INSTANCE
    assert alive[0] in sender.asked
    assert dispatch.step() == 0


def test_no_more_threads_than_there_may_be_and_nobody_is_passed_over(
    sessions: sessionmaker[Session], sender: Sender, add: Callable[[str, int], list[int]], waiter: Wait
) -> None:
    ids = [add(f"site{number}", 1)[0] for number in range(5)]
    dispatch = dispatch_of(sessions, sender, most=3)
    assert dispatch.step() == 3
    assert dispatch.step() == 0
    sender.gate.set()
    waiter(lambda: not dispatch.in_hand(), "the end of the threads", 10)
    assert dispatch.step() >= 2
    waiter(lambda: not dispatch.in_hand(), "the end of the threads", 10)
    assert set(sender.asked[:5]) == set(ids), "those that had no turn come first"


def test_a_database_that_is_away_ends_no_more_than_the_turn(
    sessions: sessionmaker[Session], sender: Sender, add: Callable[[str, int], list[int]], waiter: Wait
) -> None:
    add("site", 1)
    sender.fails = True
    sender.gate.set()
    dispatch = dispatch_of(sessions, sender)
    with capture_logs() as lines:
        assert dispatch.step() == 1
        waiter(lambda: not dispatch.in_hand(), "the end of the thread", 10)
    assert (lines[0]["event"], lines[0]["exc_info"]) == ("step failed, trying again", None)
    assert dispatch.step() == 0, "it rests for a second"
    waiter(lambda: dispatch.step() == 1, "its next turn", 10)
