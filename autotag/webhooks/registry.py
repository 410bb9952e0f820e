"""The webhooks of an instance: adding, changing, pausing and deleting them. Each change is audited."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.configuration.secret_box import SecretBox
from autotag.instances.audit import MASK, audit
from autotag.instances.directory import hold_instance
from autotag.models import DeliveryState, VirtualInstance, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.unit_of_work import UnitOfWork
from autotag.models.webhook import ADDRESS_LENGTH
from autotag.outbound_http.addresses import read_target
from autotag.outbound_http.errors import RequestRefused
from autotag.webhooks.signature import generate_secret

MOST_IN_AN_INSTANCE = 20
CANNOT_SIGN = "The stored secret cannot be read, so nothing can be signed or sent; make a new secret."

OFFERED_EVENTS = (
    WebhookEvent.DOCUMENT_TAGGED,
    WebhookEvent.DOCUMENT_FAILED,
    WebhookEvent.RUN_FINISHED,
)
"""What a webhook can be told of."""


class WebhookNotFound(LookupError):
    """No such webhook, or delivery, in this instance."""


class WebhookRefused(Exception):
    """A webhook cannot be as it was entered; `errors` says why for each field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class WebhookFields:
    """What a person enters: an address, and the events that it is told of."""

    address: str
    events: Sequence[str]


@dataclass(frozen=True, slots=True)
class WebhookSummary:
    """A webhook in the list, with its newest delivery, and how many wait to be sent."""

    webhook: Webhook
    newest: WebhookDelivery | None
    waiting: int


def list_webhooks(session: Session, instance_id: int) -> list[WebhookSummary]:
    """Return an instance's webhooks in the order in which they were added."""
    newest = (
        select(func.max(WebhookDelivery.id))
        .where(WebhookDelivery.webhook_id == Webhook.id)
        .correlate(Webhook)
        .scalar_subquery()
    )
    waiting = (
        select(func.count())
        .where(WebhookDelivery.webhook_id == Webhook.id, WebhookDelivery.state == DeliveryState.WAITING)
        .correlate(Webhook)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Webhook, WebhookDelivery, waiting)
        .outerjoin(WebhookDelivery, WebhookDelivery.id == newest)
        .where(Webhook.instance_id == instance_id)
        .order_by(Webhook.id)
    )
    return [WebhookSummary(*row) for row in rows]


def load_webhook(session: Session, instance_id: int, webhook_id: int, *, for_change: bool = False) -> Webhook:
    """Return a webhook of an instance. Raises WebhookNotFound."""
    statement = select(Webhook).where(Webhook.instance_id == instance_id, Webhook.id == webhook_id)
    if for_change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    webhook = session.scalar(statement)
    if webhook is None:
        raise WebhookNotFound(webhook_id)
    return webhook


def create_webhook(
    work: UnitOfWork,
    instance_id: int,
    fields: WebhookFields,
    *,
    box: SecretBox,
    allowed_private_hosts: Collection[str],
    user_id: int | None,
    actor: str,
) -> tuple[Webhook, str]:
    """Add a webhook; return it and its secret, which is not shown again. Raises WebhookRefused."""
    session = work.session
    address, events = _checked(fields, allowed_private_hosts)
    # Two who add the last one that is possible would both find room for it.
    hold_instance(session, instance_id)
    number = session.scalar(select(func.count()).where(Webhook.instance_id == instance_id)) or 0
    if number >= MOST_IN_AN_INSTANCE:
        reason = f"There are {number} webhooks already, and no more are possible. Delete one first."
        raise WebhookRefused({"address": reason})
    webhook = Webhook(instance_id=instance_id, address=address, events=events, created_by_id=user_id)
    session.add(webhook)
    session.flush()
    secret = _give_secret(webhook, box)
    audit(
        session, instance_id, actor, "webhook added", _subject(webhook), [("Events", "", ", ".join(events))]
    )
    return webhook, secret


def update_webhook(
    work: UnitOfWork,
    instance_id: int,
    webhook_id: int,
    fields: WebhookFields,
    *,
    allowed_private_hosts: Collection[str],
    actor: str,
) -> Webhook:
    """Change a webhook's address and events; what waits for it goes to the new address at once.

    Raises WebhookNotFound and WebhookRefused.
    """
    webhook = load_webhook(work.session, instance_id, webhook_id, for_change=True)
    address, events = _checked(fields, allowed_private_hosts)
    changes = []
    if address != webhook.address:
        changes.append(("Address", webhook.address, address))
        webhook.failures, webhook.rest_until = 0, None
    if events != webhook.events:
        changes.append(("Events", ", ".join(webhook.events), ", ".join(events)))
    webhook.address, webhook.events = address, events
    if changes:
        audit(work.session, instance_id, actor, "webhook changed", _subject(webhook), changes)
    return webhook


def set_webhook_paused(
    work: UnitOfWork, instance_id: int, webhook_id: int, paused: bool, *, actor: str
) -> Webhook:
    """Send nothing to a webhook for a while, or go on with what waits. Raises WebhookNotFound.

    What happens while it is paused is not noted for it.
    """
    webhook = load_webhook(work.session, instance_id, webhook_id, for_change=True)
    if webhook.is_paused != paused:
        webhook.is_paused = paused
        webhook.failures, webhook.rest_until = 0, None
        action = "webhook paused" if paused else "webhook resumed"
        audit(work.session, instance_id, actor, action, _subject(webhook))
    return webhook


def renew_secret(work: UnitOfWork, instance_id: int, webhook_id: int, *, box: SecretBox, actor: str) -> str:
    """Give a webhook a new secret, from its next delivery on; return it. Raises WebhookNotFound."""
    webhook = load_webhook(work.session, instance_id, webhook_id, for_change=True)
    secret = _give_secret(webhook, box)
    # What waits goes on at once: it may have failed for want of a secret that can be read.
    webhook.failures, webhook.rest_until = 0, None
    audit(
        work.session,
        instance_id,
        actor,
        "webhook secret renewed",
        _subject(webhook),
        [("Secret", MASK, MASK)],
    )
    return secret


def delete_webhook(work: UnitOfWork, instance_id: int, webhook_id: int, *, actor: str) -> None:
    """Delete a webhook with its deliveries. Raises WebhookNotFound."""
    webhook = load_webhook(work.session, instance_id, webhook_id, for_change=True)
    audit(work.session, instance_id, actor, "webhook deleted", _subject(webhook))
    work.session.delete(webhook)
    work.session.flush()


def open_secret(webhook: Webhook, box: SecretBox) -> str:
    """Return a webhook's secret. Raises autotag.configuration.secret_box.SecretUnreadable."""
    return box.open(webhook.secret, _secret_place(webhook))


def rotate_webhook_secrets(work: UnitOfWork, box: SecretBox) -> int:
    """Encrypt with the current key what an earlier key encrypted, in all instances; return how many secrets.

    What cannot be read stays as it is: `unreadable_webhooks` names it.
    """
    rotated = 0
    for webhook in work.session.scalars(select(Webhook).order_by(Webhook.id).with_for_update()):
        if not box.is_current(webhook.secret) and is_readable(webhook, box):
            place = _secret_place(webhook)
            webhook.secret = box.seal(box.open(webhook.secret, place), place)
            rotated += 1
    return rotated


def unreadable_webhooks(session: Session, box: SecretBox) -> list[str]:
    """Name the webhooks, of all instances, whose secret cannot be decrypted."""
    rows = session.execute(
        select(Webhook, VirtualInstance.web_id)
        .join(VirtualInstance, VirtualInstance.id == Webhook.instance_id)
        .order_by(Webhook.id)
    )
    return [
        f"webhook {webhook.address} (instance {web_id})"
        for webhook, web_id in rows
        if not is_readable(webhook, box)
    ]


def is_readable(webhook: Webhook, box: SecretBox) -> bool:
    """Whether a webhook's secret can be decrypted; until it can, nothing is sent."""
    return box.can_open(webhook.secret, _secret_place(webhook))


def _give_secret(webhook: Webhook, box: SecretBox) -> str:
    secret = generate_secret()
    webhook.secret = box.seal(secret, _secret_place(webhook))
    return secret


def _secret_place(webhook: Webhook) -> str:
    return f"webhook/{webhook.instance_id}/{webhook.id}/secret"


def _checked(fields: WebhookFields, allowed_private_hosts: Collection[str]) -> tuple[str, list[str]]:
    """Return the address and the events as they are stored. Raises WebhookRefused."""
    errors = {}
    address = fields.address.strip()
    if not address:
        errors["address"] = "Enter the address that is told, for example https://example.com/autotag."
    elif len(address) > ADDRESS_LENGTH:
        errors["address"] = f"An address has {ADDRESS_LENGTH:,} characters at most."
    else:
        try:
            read_target(address, allowed_private_hosts)
        except RequestRefused as error:
            errors["address"] = error.message.replace("The endpoint's address", "The address")
    events = [event.value for event in OFFERED_EVENTS if event in fields.events]
    if not events:
        errors["events"] = "Choose at least one event."
    if errors:
        raise WebhookRefused(errors)
    return address, events


def _subject(webhook: Webhook) -> str:
    return webhook.address[:255]
