"""Sending to a real server on loopback: signed, tried again, given up, and by nobody twice at once."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.secret_box import SecretBox
from autotag.models import DeliveryState, VirtualInstance, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.outbound_http.client import Limits, WebClient
from autotag.webhooks import sender
from autotag.webhooks.registry import (
    CANNOT_SIGN,
    WebhookFields,
    create_webhook,
    renew_secret,
    set_webhook_paused,
)
from autotag.webhooks.sender import (
    LEASE,
    MOST_TRIES,
    WebhookSender,
    due_webhooks,
    pause_seconds,
)
from tests.unit.conftest import Factory

BOX = SecretBox(["key"])
QUICK = Limits(connect_seconds=1, read_seconds=1, total_seconds=1)
Verify = Callable[[str, str, bytes], bool]


@pytest.fixture(autouse=True)
def _fresh(webhook_receiver: Any) -> None:
    webhook_receiver.reset()


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


class Outbox:
    """A webhook at the receiver, what waits for it, and a sender."""

    def __init__(self, sessions: sessionmaker[Session], instance: VirtualInstance, receiver: Any) -> None:
        self.sessions = sessions
        self.receiver = receiver
        fields = WebhookFields(f"{receiver.address}/hook", ("document.tagged",))
        with sessions() as session, unit_of_work(session) as work:
            self.webhook, self.secret = create_webhook(
                work,
                instance.id,
                fields,
                box=BOX,
                allowed_private_hosts=(receiver.host,),
                user_id=None,
                actor="eva",
            )

    def sender(self, *, allowed: bool = True, box: SecretBox = BOX, name: str = "one") -> WebhookSender:
        hosts = (self.receiver.host,) if allowed else ()
        return WebhookSender(self.sessions, box, lambda: WebClient(hosts, limits=QUICK), name)

    def note(self, number: int = 1) -> None:
        with self.sessions() as session, unit_of_work(session) as work:
            for _ in range(number):
                work.session.add(
                    WebhookDelivery(
                        instance_id=self.webhook.instance_id,
                        webhook_id=self.webhook.id,
                        event_id=f"evt_{sender.new_claim('')[-8:]}",
                        event=WebhookEvent.DOCUMENT_TAGGED,
                        body=json.dumps({"title": "Grüße"}, ensure_ascii=False),
                    )
                )

    def send(self, **options: Any) -> int:
        return self.sender(**options).work_off(self.webhook.id)

    def due(self) -> bool:
        return due_webhooks(self.sessions) == [(self.webhook.id, self.webhook.instance_id)]

    def pass_time(self) -> None:
        """Let everything that waits for a moment be due."""
        past = utc_now() - timedelta(seconds=1)
        with self.sessions() as session, unit_of_work(session) as work:
            work.session.execute(update(WebhookDelivery).values(next_try_at=past))
            work.session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.lease_until.is_not(None))
                .values(lease_until=past)
            )
            work.session.execute(update(Webhook).values(rest_until=None))

    def deliveries(self) -> list[WebhookDelivery]:
        with self.sessions() as session:
            return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))

    def health(self) -> Webhook:
        with self.sessions() as session:
            return session.scalars(select(Webhook)).one()


@pytest.fixture
def outbox(sessions: sessionmaker[Session], acme: VirtualInstance, webhook_receiver: Any) -> Outbox:
    return Outbox(sessions, acme, webhook_receiver)


def test_a_delivery_is_a_signed_post_that_the_documented_lines_accept(
    outbox: Outbox, documented_verification: Verify
) -> None:
    outbox.note()
    assert outbox.due()
    assert outbox.send() == 1
    (request,) = outbox.receiver.taken
    (delivery,) = outbox.deliveries()
    assert (request.method, request.path) == ("POST", "/hook")
    assert documented_verification(outbox.secret, request.header("Autotag-Signature"), request.body)
    assert request.body.decode() == delivery.body
    assert request.header("Content-Type") == "application/json"
    assert request.header("Autotag-Event") == "document.tagged"
    assert request.header("Autotag-Event-Id") == delivery.event_id
    assert (delivery.state, delivery.tries, delivery.claim) == (DeliveryState.DELIVERED, 1, None)
    assert delivery.finished_at is not None
    assert delivery.attempts[0][1] == 204
    assert not outbox.due()
    assert outbox.send() == 0


def test_many_are_sent_in_one_hand(outbox: Outbox) -> None:
    outbox.note(20)
    assert outbox.send() == 20
    assert len({event["title"] for event in outbox.receiver.events}) == 1
    assert {one.state for one in outbox.deliveries()} == {DeliveryState.DELIVERED}


def test_a_server_that_fails_twice_is_asked_again_and_then_all_is_well(outbox: Outbox) -> None:
    outbox.note(3)
    outbox.receiver.fail_next(2, "server_error")
    assert outbox.send() == 1
    first, second, third = outbox.deliveries()
    assert (first.state, first.tries, second.tries) == (DeliveryState.WAITING, 1, 0)
    assert first.attempts[0][1:2] == [500]
    assert "answered 500" in first.attempts[0][3]
    assert first.next_try_at > utc_now()
    assert second.claim is None
    assert third.lease_until is None
    assert outbox.health().failures == 1
    assert not outbox.due(), "the address rests"
    outbox.pass_time()
    assert outbox.send() == 1
    assert outbox.health().failures == 2
    outbox.pass_time()
    assert outbox.send() == 3
    assert {one.state for one in outbox.deliveries()} == {DeliveryState.DELIVERED}
    assert (outbox.health().failures, outbox.health().rest_until) == (0, None)


def test_after_ten_tries_it_is_given_up_and_noted(outbox: Outbox) -> None:
    outbox.note()
    outbox.receiver.fail_next(MOST_TRIES + 5, "unavailable")
    tries = 0
    while outbox.due():
        tries += outbox.send()
        outbox.pass_time()
    (delivery,) = outbox.deliveries()
    assert tries == delivery.tries == MOST_TRIES
    assert (delivery.state, len(delivery.attempts)) == (DeliveryState.FAILED, MOST_TRIES)
    assert delivery.finished_at is not None


def test_the_service_says_when_to_come_again(outbox: Outbox) -> None:
    outbox.note()
    outbox.receiver.fail_next(1, outbox.receiver.error(503, "Busy.", Retry_After="1800"))
    outbox.send()
    (delivery,) = outbox.deliveries()
    later = utc_now() + timedelta(minutes=29)
    assert delivery.next_try_at > later
    rest = outbox.health().rest_until
    assert rest is not None
    assert rest > later


def test_redirects_are_not_followed(outbox: Outbox) -> None:
    outbox.note()
    outbox.receiver.fail_next(1, "redirect")
    outbox.send()
    assert len(outbox.receiver.requests) == 1
    assert "redirects are not followed" in outbox.deliveries()[0].attempts[0][3]


def test_a_private_address_that_the_operator_does_not_allow_gets_no_connection(outbox: Outbox) -> None:
    outbox.note()
    assert outbox.send(allowed=False) == 1
    assert outbox.receiver.connections == 0
    assert "refused" in outbox.deliveries()[0].attempts[0][3]


def test_a_secret_that_cannot_be_read_sends_nothing_and_says_so(outbox: Outbox) -> None:
    outbox.note()
    outbox.send(box=SecretBox(["another key"]))
    assert outbox.receiver.connections == 0
    assert "make a new secret" in outbox.deliveries()[0].attempts[0][3]


def test_an_address_that_never_answers_costs_its_time_and_no_more(outbox: Outbox) -> None:
    outbox.note()
    outbox.receiver.fail_next(1, "silence")
    outbox.send()
    assert "did not answer in time" in outbox.deliveries()[0].attempts[0][3]


def test_what_a_killed_sender_had_in_hand_is_sent_when_its_lease_is_over(outbox: Outbox) -> None:
    outbox.note(2)
    webhook, held = outbox.sender()._take(outbox.webhook.id)
    assert webhook is not None
    assert len(held) == 2
    assert not outbox.due()
    assert outbox.send(name="two") == 0
    outbox.pass_time()
    assert outbox.send(name="two") == 2
    assert len(outbox.receiver.taken) == 2


def test_a_lease_of_a_clock_that_was_set_back_since_holds_nothing_up(
    outbox: Outbox, sessions: sessionmaker[Session]
) -> None:
    outbox.note()
    outbox.sender()._take(outbox.webhook.id)
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(WebhookDelivery).values(lease_until=utc_now() + timedelta(days=1)))
    assert outbox.send(name="two") == 1


def test_a_sender_whose_lease_is_over_changes_nothing_any_more(outbox: Outbox) -> None:
    outbox.note()
    slow = outbox.sender()
    webhook, (held,) = slow._take(outbox.webhook.id)
    assert webhook is not None
    outbox.pass_time()
    outbox.send(name="two")
    outbox.receiver.fail_next(1, "server_error")
    slow._record(webhook, [slow._try(webhook, held)], [])
    (delivery,) = outbox.deliveries()
    assert (delivery.state, delivery.tries) == (DeliveryState.DELIVERED, 1)


def test_nothing_is_sent_to_what_is_paused_gone_or_switched_off(
    outbox: Outbox, acme: VirtualInstance
) -> None:
    outbox.note()
    webhook = outbox.webhook
    with outbox.sessions() as session, unit_of_work(session) as work:
        set_webhook_paused(work, acme.id, webhook.id, True, actor="eva")
    assert (outbox.due(), outbox.send()) == (False, 0)
    with outbox.sessions() as session, unit_of_work(session) as work:
        set_webhook_paused(work, acme.id, webhook.id, False, actor="eva")
        work.session.get_one(VirtualInstance, acme.id).is_active = False
    assert not outbox.due()
    assert outbox.sender().work_off(webhook.id + 1) == 0
    assert outbox.receiver.requests == []


def test_a_webhook_that_is_deleted_while_it_is_sent_to_is_no_error(outbox: Outbox) -> None:
    outbox.note()
    sender = outbox.sender()
    webhook, (held,) = sender._take(outbox.webhook.id)
    assert webhook is not None
    with outbox.sessions() as session, unit_of_work(session) as work:
        work.session.delete(work.session.get_one(Webhook, webhook.id))
    sender._record(webhook, [sender._try(webhook, held)], [])
    assert sender.send(webhook.instance_id, webhook.id, held) is None
    assert outbox.deliveries() == []


def test_pauses_grow_with_jitter_up_to_a_limit() -> None:
    for tries, usual in ((1, 10), (2, 30), (3, 90), (7, 7290), (8, 21_600), (50, 21_600)):
        pauses = [pause_seconds(tries) for _ in range(40)]
        assert usual * 0.75 <= min(pauses) < max(pauses) <= usual * 1.25
    assert sum(pause_seconds(number) for number in range(1, MOST_TRIES)) < 24 * 3600


def test_a_lease_is_longer_than_a_hand() -> None:
    limits = sender.LIMITS
    assert sender.HAND_SECONDS + limits.total_seconds + 15 < LEASE.total_seconds()


@pytest.mark.parametrize("damage", ["damaged", "{key}:A", "{key}:AAAA"])
def test_with_a_secret_that_cannot_be_read_a_delivery_fails_with_the_reason_and_is_not_tried_again(
    outbox: Outbox, sessions: sessionmaker[Session], damage: str
) -> None:
    key = outbox.webhook.secret.partition(":")[0]
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Webhook).values(secret=damage.format(key=key)))
    outbox.note(2)
    assert outbox.send() == 1
    with sessions() as session:
        first, second = session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id))
        webhook = session.scalars(select(Webhook)).one()
    assert (first.state, first.tries) == (DeliveryState.FAILED, 1)
    assert first.attempts[0][3] == CANNOT_SIGN
    assert second.state is DeliveryState.WAITING
    assert webhook.failures == 1
    assert webhook.rest_until is not None
    assert due_webhooks(sessions) == []
    with sessions() as session, unit_of_work(session) as work:
        renew_secret(work, webhook.instance_id, webhook.id, box=BOX, actor="eva")
    assert outbox.send() == 1
    assert outbox.receiver.requests
