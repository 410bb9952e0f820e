from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import DeliveryState, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks import cleanup
from autotag.webhooks.cleanup import tidy_deliveries
from autotag.webhooks.deliveries import (
    DeliveryUnderWay,
    begin_again,
    begin_test,
    list_deliveries,
    load_delivery,
)
from autotag.webhooks.registry import WebhookNotFound
from autotag.webhooks.sender import due_webhooks
from tests.unit.conftest import Factory

Note = Callable[..., WebhookDelivery]
DAY = timedelta(days=1)


@pytest.fixture
def webhook(sessions: sessionmaker[Session], make: Factory) -> Webhook:
    made = Webhook(instance_id=make.instance("acme").id, address="https://example.com/", events=[])
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(made)
    return made


@pytest.fixture
def note(sessions: sessionmaker[Session], webhook: Webhook) -> Note:
    def note(**values: object) -> WebhookDelivery:
        given: dict[str, object] = {
            "instance_id": webhook.instance_id,
            "webhook_id": webhook.id,
            "event_id": "evt_1",
            "event": WebhookEvent.DOCUMENT_TAGGED,
            "body": "{}",
        }
        delivery = WebhookDelivery(**(given | values))
        with sessions() as session, unit_of_work(session) as work:
            work.session.add(delivery)
        return delivery

    return note


def test_the_log_is_paged_newest_first(sessions: sessionmaker[Session], webhook: Webhook, note: Note) -> None:
    ids = [note().id for _ in range(5)]
    with sessions() as session:
        page = list_deliveries(session, webhook, limit=2)
        assert [one.id for one in page.deliveries] == [ids[4], ids[3]]
        page = list_deliveries(session, webhook, before_id=page.older, limit=2)
        assert [one.id for one in page.deliveries] == [ids[2], ids[1]]
        page = list_deliveries(session, webhook, before_id=page.older, limit=2)
        assert ([one.id for one in page.deliveries], page.older) == ([ids[0]], None)


def test_a_delivery_is_loaded_with_its_instance_and_webhook(
    sessions: sessionmaker[Session], webhook: Webhook, note: Note, make: Factory
) -> None:
    delivery = note()
    other = make.instance("globex")
    with sessions() as session:
        assert load_delivery(session, webhook.instance_id, webhook.id, delivery.id).id == delivery.id
        for instance_id, webhook_id in ((other.id, webhook.id), (webhook.instance_id, webhook.id + 1)):
            with pytest.raises(WebhookNotFound):
                load_delivery(session, instance_id, webhook_id, delivery.id)


def test_a_test_is_in_the_hand_of_whoever_asked_for_it(
    sessions: sessionmaker[Session], webhook: Webhook
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        held = begin_test(work, webhook)
    assert held.event is WebhookEvent.TEST
    assert '"instance":"acme"' in held.body
    assert due_webhooks(sessions) == []


def test_a_failed_delivery_begins_anew_with_its_event_id(
    sessions: sessionmaker[Session], webhook: Webhook, note: Note
) -> None:
    long_ago = utc_now() - 5 * DAY
    delivery = note(state=DeliveryState.FAILED, tries=10, waiting_since=long_ago, finished_at=utc_now())
    with sessions() as session, unit_of_work(session) as work:
        held = begin_again(work, load_delivery(work.session, webhook.instance_id, webhook.id, delivery.id))
    assert (held.event_id, held.tries) == (delivery.event_id, 0)
    tidy_deliveries(sessions)
    with sessions() as session:
        again = session.scalars(select(WebhookDelivery)).one()
        assert (again.state, again.finished_at) == (DeliveryState.WAITING, None)
        assert again.waiting_since > long_ago


def test_one_that_is_being_sent_is_left_alone(
    sessions: sessionmaker[Session], webhook: Webhook, note: Note
) -> None:
    delivery = note(claim="somebody", lease_until=utc_now() + DAY)
    with sessions() as session, unit_of_work(session) as work:
        loaded = load_delivery(work.session, webhook.instance_id, webhook.id, delivery.id)
        with pytest.raises(DeliveryUnderWay):
            begin_again(work, loaded)


def test_what_is_old_is_struck_and_what_waited_too_long_is_given_up(
    sessions: sessionmaker[Session], note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "CHUNK", 2)
    now = utc_now()
    for _ in range(5):
        note(state=DeliveryState.DELIVERED, created_at=now - 31 * DAY)
    kept = note(state=DeliveryState.DELIVERED, created_at=now - 29 * DAY)
    tired = [note(waiting_since=now - 4 * DAY, attempts=[["2026-01-01", 500, 1.0, "No."]]) for _ in range(3)]
    patient = note(waiting_since=now - 2 * DAY)
    in_hand = note(waiting_since=now - 4 * DAY, claim="one", lease_until=now + DAY)
    tidy_deliveries(sessions)
    with sessions() as session:
        left = {one.id: one for one in session.scalars(select(WebhookDelivery))}
    assert set(left) == {kept.id, patient.id, in_hand.id, *(one.id for one in tired)}
    for one in tired:
        assert left[one.id].state is DeliveryState.FAILED
        assert [attempt[3] for attempt in left[one.id].attempts] == ["No.", cleanup.NOT_IN_TIME]
    assert left[patient.id].state is left[in_hand.id].state is DeliveryState.WAITING
