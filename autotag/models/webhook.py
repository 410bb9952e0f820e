"""Addresses that are told of what happens in an instance, and what is told to them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now

ADDRESS_LENGTH = 2048
WAITING = "state = 'waiting'"
"""Deliveries that are still to be sent; written out for the partial index, as `document.ATTENTION` is."""


class WebhookEvent(StrEnum):
    """What an address can be told of. `test` is sent on request only."""

    DOCUMENT_TAGGED = "document.tagged"
    DOCUMENT_FAILED = "document.failed"
    RUN_FINISHED = "run.finished"
    TEST = "test"


class DeliveryState(StrEnum):
    """How far a delivery has come. `failed` is not tried any more."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(TenantOwned, Base):
    """An address with the events that it is told of. `secret` is sealed; it signs what is sent.

    After a failure nothing is sent there until `rest_until`; `failures` counts those in a row.
    """

    __tablename__ = "webhook"
    __table_args__ = (Index("ix_webhook_instance", "instance_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(String(ADDRESS_LENGTH))
    events: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(String(512), default="")
    is_paused: Mapped[bool] = mapped_column(default=False)
    failures: Mapped[int] = mapped_column(default=0)
    rest_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class WebhookDelivery(TenantOwned, Base):
    """One event on its way to one address: written in the transaction that makes the event true.

    `event_id` is the same for every address that is told of the event, and for every try. `tries` are those since
    `waiting_since`; `attempts` tells of the last ones: [time, status or None, seconds, reason]. Whoever sends it
    holds `claim` until `lease_until`.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("ix_webhook_delivery_newest", "webhook_id", "id"),
        Index("ix_webhook_delivery_created", "created_at"),
        Index(
            "ix_webhook_delivery_waiting",
            "webhook_id",
            "next_try_at",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(String(40))
    event: Mapped[WebhookEvent] = mapped_column(Choice(WebhookEvent))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[DeliveryState] = mapped_column(Choice(DeliveryState), default=DeliveryState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[list[list[Any]]] = mapped_column(JSON, default=list)
    waiting_since: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    claim: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
