"""The delivery log of webhooks: looking at it, sending a test, sending again."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.models import DeliveryState, VirtualInstance, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork
from autotag.webhooks.outbox import event_body, new_event_id
from autotag.webhooks.registry import WebhookNotFound
from autotag.webhooks.sender import LEASE, Held, new_claim


class DeliveryUnderWay(Exception):
    """The delivery is being sent at this moment."""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A part of the log, newest first; `older` is the id before which it goes on."""

    deliveries: list[WebhookDelivery]
    older: int | None


def list_deliveries(
    session: Session, webhook: Webhook, *, before_id: int | None = None, limit: int = 30
) -> DeliveryPage:
    """Return deliveries of a webhook, newest first, those before an id."""
    statement = (
        select(WebhookDelivery)
        .where(WebhookDelivery.instance_id == webhook.instance_id, WebhookDelivery.webhook_id == webhook.id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit + 1)
    )
    if before_id is not None:
        statement = statement.where(WebhookDelivery.id < before_id)
    found = list(session.scalars(statement))
    return DeliveryPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def load_delivery(
    session: Session, instance_id: int, webhook_id: int, delivery_id: int, *, for_change: bool = False
) -> WebhookDelivery:
    """Return a delivery of a webhook of an instance. Raises WebhookNotFound."""
    statement = select(WebhookDelivery).where(
        WebhookDelivery.instance_id == instance_id,
        WebhookDelivery.webhook_id == webhook_id,
        WebhookDelivery.id == delivery_id,
    )
    if for_change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    delivery = session.scalar(statement)
    if delivery is None:
        raise WebhookNotFound(delivery_id)
    return delivery


def begin_test(work: UnitOfWork, webhook: Webhook) -> Held:
    """Write a test delivery that the caller sends at once."""
    now, event_id = utc_now(), new_event_id()
    web_id = work.session.scalar(
        select(VirtualInstance.web_id).where(VirtualInstance.id == webhook.instance_id)
    )
    told = {"test": {"message": "This is a test of this webhook."}}
    delivery = WebhookDelivery(
        instance_id=webhook.instance_id,
        webhook_id=webhook.id,
        event_id=event_id,
        event=WebhookEvent.TEST,
        body=event_body(event_id, WebhookEvent.TEST, web_id or "", now, told),
    )
    work.session.add(delivery)
    return _hold(work, delivery)


def begin_again(work: UnitOfWork, delivery: WebhookDelivery) -> Held:
    """Let a delivery that was loaded for change begin anew, with its event id and all its tries; the caller sends it.

    Raises DeliveryUnderWay.
    """
    if delivery.lease_until is not None and delivery.lease_until > utc_now():
        raise DeliveryUnderWay
    delivery.state, delivery.finished_at = DeliveryState.WAITING, None
    delivery.tries = 0
    delivery.waiting_since = utc_now()
    return _hold(work, delivery)


def _hold(work: UnitOfWork, delivery: WebhookDelivery) -> Held:
    now = utc_now()
    delivery.next_try_at = now
    delivery.claim, delivery.lease_until = new_claim("page"), now + LEASE
    work.session.flush()
    return Held(delivery.id, delivery.claim, delivery.event, delivery.event_id, delivery.body, delivery.tries)
