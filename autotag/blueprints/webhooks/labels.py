"""Webhooks in words: how one fares, what came of a delivery."""

import json
from datetime import datetime

from flask import Blueprint

from autotag.blueprints.presentation import StateView, counted
from autotag.models import DeliveryState, Webhook, WebhookDelivery, WebhookEvent

EVENT_LABELS = {
    WebhookEvent.DOCUMENT_TAGGED: "Document tagged",
    WebhookEvent.DOCUMENT_FAILED: "Document failed",
    WebhookEvent.RUN_FINISHED: "Run finished",
    WebhookEvent.TEST: "Test",
}


def event_label(event: str) -> str:
    """Name an event for people."""
    return EVENT_LABELS[WebhookEvent(event)]


def webhook_state(webhook: Webhook) -> StateView:
    """Say how a webhook fares."""
    if webhook.is_paused:
        return StateView("quiet", "Paused")
    if webhook.failures:
        return StateView("danger", f"Failing: {counted(webhook.failures, 'try', 'tries')} in a row")
    return StateView("done", "Active")


def delivery_state(delivery: WebhookDelivery) -> StateView:
    """Say how far a delivery has come."""
    if delivery.state is DeliveryState.DELIVERED:
        return StateView("done", "Delivered")
    if delivery.state is DeliveryState.FAILED:
        return StateView("danger", "Failed")
    if delivery.tries:
        return StateView("danger", f"Tried {counted(delivery.tries, 'time')}, tried again later")
    return StateView("pending", "Waiting")


def last_answer(delivery: WebhookDelivery) -> str:
    """Say what came of the last try, "" when there was none."""
    if not delivery.attempts:
        return ""
    _, status, _, reason = delivery.attempts[-1]
    return str(reason or f"The address answered {status}.")


def attempt_moment(attempt: list[object]) -> datetime:
    """Return when a try was made."""
    return datetime.fromisoformat(str(attempt[0]))


def readable_body(delivery: WebhookDelivery) -> str:
    """Return what is sent, over several lines."""
    return json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False)


def register(blueprint: Blueprint) -> None:
    """Make these words known to the templates."""
    for word in (event_label, webhook_state, delivery_state, last_answer, attempt_moment, readable_body):
        blueprint.add_app_template_filter(word)
