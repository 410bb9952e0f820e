"""Clearing the delivery log of webhooks: giving up what has waited too long, striking what is old."""

from datetime import timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import DeliveryState, WebhookDelivery
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks.sender import note_attempt

KEPT = timedelta(days=30)
"""How long a delivery can be looked at and sent again."""

PATIENCE = timedelta(days=3)
"""How long a delivery waits for an address that does not answer, or is paused."""

CHUNK = 500
"""Deliveries that are cleared away in one transaction, so that nobody waits long for the next one."""

NOT_IN_TIME = "It waited for three days and could not be sent."


def tidy_deliveries(sessions: sessionmaker[Session]) -> None:
    """Give up what has waited too long, and strike what is older than it is kept."""
    for part in (_give_up, _strike):
        full = True
        while full:
            with sessions() as session, unit_of_work(session) as work:
                full = part(work.session) == CHUNK


def _give_up(session: Session) -> int:
    now = utc_now()
    overdue = session.scalars(
        select(WebhookDelivery)
        .where(
            WebhookDelivery.state == DeliveryState.WAITING,
            WebhookDelivery.waiting_since < now - PATIENCE,
            or_(WebhookDelivery.lease_until.is_(None), WebhookDelivery.lease_until < now),
        )
        .limit(CHUNK)
        .with_for_update(skip_locked=True)
    ).all()
    for delivery in overdue:
        delivery.state, delivery.finished_at = DeliveryState.FAILED, now
        note_attempt(delivery, now, None, 0.0, NOT_IN_TIME)
    return len(overdue)


def _strike(session: Session) -> int:
    old = (
        WebhookDelivery.created_at < utc_now() - KEPT,
        WebhookDelivery.state != DeliveryState.WAITING,
    )
    ids = select(WebhookDelivery.id).where(*old).limit(CHUNK)
    struck = session.scalars(
        delete(WebhookDelivery)
        .where(WebhookDelivery.id.in_(ids))
        .returning(WebhookDelivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(struck.all())
