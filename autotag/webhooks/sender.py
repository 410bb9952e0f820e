"""Sending what is in the outbox of webhooks: claimed with a lease, signed, tried a bounded number of times.

A sender may be killed anywhere: what it had in hand is sent again when its lease is over. So a receiver may get a
delivery twice, and knows it by the event's id.
"""

import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.secret_box import SecretBox, SecretUnreadable
from autotag.guards import attempt
from autotag.models import DeliveryState, VirtualInstance, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.base import CLOCKS_APART, utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.outbound_http.client import Limits, WebClient
from autotag.outbound_http.errors import OutboundError
from autotag.webhooks.registry import CANNOT_SIGN, open_secret
from autotag.webhooks.signature import SIGNATURE_HEADER, signature

logger = structlog.stdlib.get_logger(__name__)

LIMITS = Limits(connect_seconds=5.0, read_seconds=10.0, total_seconds=15.0, body_bytes=256 * 1024)
"""What one try may take. An address has to answer within 15 seconds."""

HAND_SECONDS = 10.0
"""How long one sender goes on with one webhook before others get their turn."""

TOGETHER = 8
"""Deliveries claimed in one transaction: enough to make its cost small, few enough to send twice after a death."""

LEASE = timedelta(seconds=60)
"""Longer than a hand and its last try."""

MOST_TRIES = 10
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 6 * 60 * 60.0
LONGEST_REST = 60 * 60.0
"""Seconds: after its first failure a delivery waits 10, then three times as long each time, at most six hours. Ten
tries take about 15 hours. The address itself rests an hour at most, so that it is soon found when it is back."""

ATTEMPTS_KEPT = 20
UNREADABLE = "Its row could not be read."
UNEXPECTED = "An unexpected error came up; the log of the scheduler has the details."
REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery in a sender's hand, with what is sent."""

    id: int
    claim: str
    event: WebhookEvent
    event_id: str
    body: str
    tries: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try. `status` is None when there was no answer; `retry_after` is in seconds.

    `is_final` says that another try would come to the same.
    """

    held: Held
    at: datetime
    status: int | None
    seconds: float
    reason: str
    retry_after: float | None = None
    is_final: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether the address took it."""
        return self.status is not None and 200 <= self.status < 300


def pause_seconds(tries: int, longest: float = LONGEST_PAUSE) -> float:
    """Return how long to wait after this many failures: exponential, and up to a quarter more or less of it."""
    pause = FIRST_PAUSE * 3.0 ** min(max(tries - 1, 0), 12)
    return min(pause, longest) * random.uniform(0.75, 1.25)  # noqa: S311 - so that not all come back at once


def due_webhooks(sessions: sessionmaker[Session]) -> list[tuple[int, int]]:
    """Return webhooks that something can be sent to now, each with its instance."""
    now = utc_now()
    with sessions() as session:
        rows = session.execute(
            select(Webhook.id, Webhook.instance_id)
            .join(VirtualInstance, VirtualInstance.id == Webhook.instance_id)
            .where(
                _may_be_sent_to(now),
                VirtualInstance.is_active,
                exists().where(WebhookDelivery.webhook_id == Webhook.id, *_is_due(now)),
            )
            .order_by(Webhook.id)
        )
        return [(row.id, row.instance_id) for row in rows]


def new_claim(sender: str) -> str:
    """Return a claim that nobody else has."""
    return f"{sender[:31]}/{secrets.token_hex(16)}"


class WebhookSender:
    """Sends deliveries: those of one webhook until none is due, or one that a person waits for."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        box: SecretBox,
        client: Callable[[], WebClient],
        name: str,
    ) -> None:
        self._sessions = sessions
        self._box = box
        self._client = client
        self._name = name

    def work_off(self, webhook_id: int) -> int:
        """Send what is due to one webhook, for about ten seconds, until a try fails; return how many were tried."""
        deadline = time.monotonic() + HAND_SECONDS
        number = 0
        while time.monotonic() < deadline:
            webhook, held = self._take(webhook_id)
            if webhook is None or not held:
                break
            tried: list[Tried] = []
            for one in held:
                tried.append(self._try(webhook, one))
                if not tried[-1].is_delivered or time.monotonic() > deadline:
                    break
            self._record(webhook, tried, held[len(tried) :])
            number += len(tried)
            if not tried[-1].is_delivered:
                break
        return number

    def send(self, instance_id: int, webhook_id: int, held: Held) -> Tried | None:
        """Send one delivery that the caller has claimed; None when its webhook is gone."""
        webhook = self._load(instance_id, webhook_id)
        if webhook is None:
            return None
        tried = self._try(webhook, held)
        self._record(webhook, [tried], [])
        return tried

    def _give_up(self, tried: Tried, error: Exception) -> None:
        if isinstance(error, DBAPIError):
            raise error
        logger.warning("webhook delivery given up", event_id=tried.held.event_id, exc_info=error)
        with self._sessions() as session, unit_of_work(session) as work:
            give_up_unreadable(work.session, tried)

    def _load(self, instance_id: int, webhook_id: int) -> Webhook | None:
        with self._sessions() as session:
            return session.scalar(
                select(Webhook).where(Webhook.instance_id == instance_id, Webhook.id == webhook_id)
            )

    def _take(self, webhook_id: int) -> tuple[Webhook | None, list[Held]]:
        """Claim the next deliveries of a webhook; the webhook is None when nothing may be sent to it now."""
        claim = new_claim(self._name)
        with self._sessions() as session, unit_of_work(session) as work:
            now = utc_now()
            webhook = work.session.scalar(
                select(Webhook).where(Webhook.id == webhook_id, _may_be_sent_to(now))
            )
            if webhook is None:
                return None, []
            of_webhook = WebhookDelivery.webhook_id == webhook_id
            ids = (
                select(WebhookDelivery.id)
                .where(of_webhook, *_is_due(now))
                .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
                .limit(TOGETHER)
            )
            rows = work.session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.id.in_(ids), *_is_due(now))
                .values(claim=claim, lease_until=now + LEASE)
                .returning(
                    WebhookDelivery.id,
                    WebhookDelivery.event,
                    WebhookDelivery.event_id,
                    WebhookDelivery.body,
                    WebhookDelivery.tries,
                )
                .execution_options(synchronize_session=False)
            ).all()
            held = [Held(row.id, claim, row.event, row.event_id, row.body, row.tries) for row in rows]
            return webhook, sorted(held, key=lambda one: one.id)

    def _try(self, webhook: Webhook, held: Held) -> Tried:
        """Send one delivery. Whatever is raised is a try that failed, so that the delivery is given up in the end."""
        began, started = utc_now(), time.monotonic()

        def note(error: Exception) -> Tried:
            logger.warning("webhook failed", webhook=webhook.id, event_id=held.event_id, exc_info=error)
            return Tried(held, began, None, round(time.monotonic() - started, 3), UNEXPECTED)

        return attempt(lambda: self._send(webhook, held), note)

    def _send(self, webhook: Webhook, held: Held) -> Tried:
        now, started = utc_now(), time.monotonic()
        status, reason, retry_after, is_final = None, "", None, False
        try:
            secret = open_secret(webhook, self._box)
            body = held.body.encode()
            reply = self._client().post(webhook.address, body, _headers(held, secret, body, now))
            status, retry_after = reply.status, reply.retry_after
            if not 200 <= status < 300:
                reason = f"The address answered {status}."
        except SecretUnreadable as error:
            reason, is_final = CANNOT_SIGN, True
            logger.warning(
                "webhook secret unreadable",
                instance_id=webhook.instance_id,
                webhook=webhook.id,
                reason=error.detail,
            )
        except OutboundError as error:
            reason = error.message.replace("The endpoint's address", "The address")
        return Tried(held, now, status, round(time.monotonic() - started, 3), reason, retry_after, is_final)

    def _record(self, webhook: Webhook, tried: Sequence[Tried], left: Sequence[Held]) -> None:
        """Write what came of the tries, and let go of what was not tried. A claim that was lost changes nothing.

        A delivery whose row cannot be written that way is given up, so that it is not sent again and again.
        """

        def write(outcomes: Sequence[Tried]) -> None:
            with self._sessions() as session, unit_of_work(session) as work:
                for one in outcomes:
                    _write(work.session, one)
                for held in left:
                    _let_go(work.session, held)
                if tried:
                    _note_health(work.session, webhook.id, tried[-1])

        def write_each(error: Exception) -> None:
            if isinstance(error, DBAPIError):
                raise error
            logger.warning("webhook outcomes not written together", webhook=webhook.id, exc_info=error)
            for one in tried:
                attempt(partial(write, [one]), partial(self._give_up, one))

        attempt(partial(write, tried), write_each)
        for one in tried:
            logger.info(
                "webhook tried",
                instance_id=webhook.instance_id,
                webhook=webhook.id,
                event_id=one.held.event_id,
                status=one.status,
                duration=one.seconds,
            )


def give_up_unreadable(session: Session, tried: Tried) -> None:
    """End a delivery whose row cannot be read, without loading it."""
    line = [tried.at.isoformat(), tried.status, tried.seconds, (tried.reason or UNREADABLE)[:REASON_LENGTH]]
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == tried.held.id, WebhookDelivery.claim == tried.held.claim)
        .values(
            attempts=[line],
            tries=tried.held.tries + 1,
            state=DeliveryState.DELIVERED if tried.is_delivered else DeliveryState.FAILED,
            finished_at=utc_now(),
            claim=None,
            lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )


def note_attempt(
    delivery: WebhookDelivery, at: datetime, status: int | None, seconds: float, reason: str
) -> None:
    """Add a line to what a delivery tells of itself; the oldest goes when there are many."""
    attempt = [at.isoformat(), status, seconds, reason[:REASON_LENGTH]]
    delivery.attempts = [*delivery.attempts, attempt][-ATTEMPTS_KEPT:]


def _headers(held: Held, secret: str, body: bytes, now: datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "Autotag",
        "Autotag-Event": held.event.value,
        "Autotag-Event-Id": held.event_id,
        SIGNATURE_HEADER: signature(secret, body, int(now.timestamp())),
    }


def _may_be_sent_to(now: datetime) -> ColumnElement[bool]:
    return Webhook.is_paused.is_(False) & or_(Webhook.rest_until.is_(None), Webhook.rest_until <= now)


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        WebhookDelivery.state == DeliveryState.WAITING,
        WebhookDelivery.next_try_at <= now,
        or_(
            WebhookDelivery.lease_until.is_(None),
            WebhookDelivery.lease_until < now,
            WebhookDelivery.lease_until > now + CLOCKS_APART,
        ),
    )


def _let_go(session: Session, held: Held) -> None:
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == held.id, WebhookDelivery.claim == held.claim)
        .values(claim=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def _write(session: Session, tried: Tried) -> None:
    held = tried.held
    delivery = session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == held.id, WebhookDelivery.claim == held.claim)
        .with_for_update()
    )
    if delivery is None:
        return
    note_attempt(delivery, tried.at, tried.status, tried.seconds, tried.reason)
    delivery.tries += 1
    delivery.claim = delivery.lease_until = None
    if tried.is_delivered:
        delivery.state, delivery.finished_at = DeliveryState.DELIVERED, utc_now()
    elif tried.is_final or delivery.tries >= MOST_TRIES or delivery.event is WebhookEvent.TEST:
        delivery.state, delivery.finished_at = DeliveryState.FAILED, utc_now()
    else:
        pause = max(pause_seconds(delivery.tries), tried.retry_after or 0.0)
        delivery.next_try_at = utc_now() + timedelta(seconds=pause)


def _note_health(session: Session, webhook_id: int, last: Tried) -> None:
    """Let an address rest after a failure, so that what waits for it is not tried in vain one by one."""
    webhook = session.scalar(select(Webhook).where(Webhook.id == webhook_id).with_for_update())
    if webhook is None:
        return
    if last.is_delivered:
        webhook.failures, webhook.rest_until = 0, None
    elif last.held.event is not WebhookEvent.TEST:
        webhook.failures += 1
        rest = max(pause_seconds(webhook.failures, LONGEST_REST), last.retry_after or 0.0)
        webhook.rest_until = utc_now() + timedelta(seconds=rest)
