"""The outbox of webhooks: an event's deliveries are rows of the transaction that makes the event true.

Whoever ends an attempt or a run calls this within its transaction. Without a webhook it is one query for a batch.
"""

import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from autotag.models import (
    Document,
    Tag,
    TagAssignment,
    TaggingRun,
    TaggingState,
    VirtualInstance,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from autotag.models.base import utc_now

EVENTS_OF_STATES = {
    TaggingState.TAGGED: WebhookEvent.DOCUMENT_TAGGED,
    TaggingState.FAILED: WebhookEvent.DOCUMENT_FAILED,
    TaggingState.QUARANTINED: WebhookEvent.DOCUMENT_FAILED,
}


class RunTotals(Protocol):
    """How many documents of a run stand where."""

    @property
    def done(self) -> int:
        """Those that a worker came to an end with, tags or none."""
        ...

    @property
    def failed(self) -> int:
        """Those that ended in a failure."""
        ...

    @property
    def left_out(self) -> int:
        """Those that the run does not tag."""
        ...


@dataclass(frozen=True, slots=True)
class Listeners:
    """The webhooks of an instance that are told of some events: their ids with what each wants to know."""

    web_id: str
    wanted: Mapping[int, frozenset[str]]


def note_documents(session: Session, instance_id: int, states: Mapping[int, TaggingState]) -> None:
    """Note what became of documents of an instance, by id, for the webhooks that want to know."""
    events = {key: EVENTS_OF_STATES[state] for key, state in states.items() if state in EVENTS_OF_STATES}
    listeners = _listeners(session, instance_id, set(events.values())) if events else None
    if listeners is None:
        return
    tags = _tags(session, instance_id, events)
    rows = []
    for document in map(dict, session.execute(_documents(instance_id, events)).mappings()):
        told = _told(document) | {"tags": tags.get(document["id"], [])}
        rows += _deliveries(instance_id, listeners, events[document["id"]], {"document": told})
    if rows:
        session.execute(insert(WebhookDelivery), rows)


def note_run_finished(session: Session, run: TaggingRun, count: Callable[[], RunTotals]) -> None:
    """Note that a run has finished, for the webhooks that want to know. `count` is asked only when there are any."""
    listeners = _listeners(session, run.instance_id, {WebhookEvent.RUN_FINISHED})
    if listeners is None:
        return
    counts = count()
    told = {
        "id": run.id,
        "scope": run.scope,
        "covers": run.covers,
        "total": run.total,
        "done": counts.done,
        "failed": counts.failed,
        "left_out": counts.left_out,
    }
    rows = _deliveries(run.instance_id, listeners, WebhookEvent.RUN_FINISHED, {"run": told})
    session.execute(insert(WebhookDelivery), rows)


def event_body(
    event_id: str, event: WebhookEvent, web_id: str, moment: datetime, told: Mapping[str, object]
) -> str:
    """Return the JSON text that is sent: the event's id, type, instance and time (in UTC), and what it is about."""
    head = {"id": event_id, "type": event, "instance": web_id, "time": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"}
    return json.dumps(head | dict(told), ensure_ascii=False, separators=(",", ":"))


def new_event_id() -> str:
    """Return an id that no other event has."""
    return f"evt_{secrets.token_hex(16)}"


def _listeners(session: Session, instance_id: int, events: Collection[WebhookEvent]) -> Listeners | None:
    """Return who wants to know of any of the events, and hold them: a webhook is not deleted under its delivery."""
    rows = session.execute(
        select(Webhook.id, Webhook.events, VirtualInstance.web_id)
        .join(VirtualInstance, VirtualInstance.id == Webhook.instance_id)
        .where(Webhook.instance_id == instance_id, Webhook.is_paused.is_(False))
        .order_by(Webhook.id)
        .with_for_update(key_share=True, read=True, of=Webhook)
    ).all()
    wanted = {row.id: frozenset(row.events) for row in rows if not frozenset(events).isdisjoint(row.events)}
    return Listeners(rows[0].web_id, wanted) if wanted else None


def _documents(instance_id: int, ids: Collection[int]) -> Any:
    return select(
        Document.id,
        Document.title,
        Document.file_name,
        Document.sha256,
        Document.tagging_state,
        Document.tagging_reason_code,
        Document.tagging_reason,
        Document.tagging_run_id,
    ).where(Document.owned_by(instance_id), Document.id.in_(ids))


def _told(document: Mapping[str, Any]) -> dict[str, object]:
    return {
        "id": document["id"],
        "title": document["title"],
        "file_name": document["file_name"],
        "sha256": document["sha256"],
        "state": document["tagging_state"],
        "reason_code": document["tagging_reason_code"],
        "reason": document["tagging_reason"],
        "run_id": document["tagging_run_id"],
    }


def _tags(session: Session, instance_id: int, ids: Collection[int]) -> dict[int, list[dict[str, object]]]:
    """Return all tags that the documents have now, the surest first, those of people before them."""
    rows = session.execute(
        select(TagAssignment.document_id, Tag.name, TagAssignment.source, TagAssignment.provider)
        .add_columns(TagAssignment.model, TagAssignment.confidence)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(TagAssignment.instance_id == instance_id, TagAssignment.document_id.in_(ids))
    ).all()
    found: dict[int, list[dict[str, object]]] = {}
    for row in sorted(rows, key=lambda row: (-(row.confidence or 2.0), row.name)):
        told = {"name": row.name, "source": row.source, "provider": row.provider, "model": row.model}
        found.setdefault(row.document_id, []).append(told | {"confidence": row.confidence})
    return found


def _deliveries(
    instance_id: int, listeners: Listeners, event: WebhookEvent, told: Mapping[str, object]
) -> list[dict[str, object]]:
    """Return a row for each webhook that wants to know of an event."""
    event_id, now = new_event_id(), utc_now()
    body = event_body(event_id, event, listeners.web_id, now, told)
    return [
        {
            "instance_id": instance_id,
            "webhook_id": webhook_id,
            "event_id": event_id,
            "event": event,
            "body": body,
            "waiting_since": now,
            "next_try_at": now,
            "created_at": now,
        }
        for webhook_id, wanted in listeners.wanted.items()
        if event in wanted
    ]
