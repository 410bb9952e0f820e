"""Letting documents go with an outcome: their states, for whoever still holds the claims."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import cast

from sqlalchemy import Table, Update, bindparam, select, update
from sqlalchemy.orm import Session

from autotag.models import Document, TaggingState
from autotag.tagging.pipeline.claims import Claim
from autotag.tagging.pipeline.deaths import NO_DEATHS
from autotag.tagging.pipeline.outcome import Outcome

REASON_LENGTH = 500
DOCUMENT = cast(Table, Document.__table__)

Finished = tuple[Claim, Outcome]

_HELD = (
    select(Document.id, Document.tagging_claim, Document.sha256)
    .where(
        Document.owned_by(bindparam("the_instance")),
        Document.id.in_(bindparam("the_documents", expanding=True)),
        Document.tagging_state == TaggingState.RUNNING,
    )
    .order_by(Document.id)
    .with_for_update()
)


def close_claims(session: Session, finished: Sequence[Finished], now: datetime) -> list[Finished]:
    """Write the outcomes to the documents whose claims are still held; return those."""
    if not finished:
        return []
    held = _held(session, [claim for claim, _ in finished])
    written = [(claim, outcome) for claim, outcome in finished if claim.document_id in held]
    # One statement for all that change the same columns: an attempt costs its row, and no statement of its own.
    alike: dict[tuple[bool, ...], list[dict[str, object]]] = {}
    for claim, outcome in written:
        alike.setdefault(_shape(outcome), []).append(
            {"the_id": claim.document_id} | _new_values(outcome, now)
        )
    for shape, rows in alike.items():
        changed = tuple(name for name in rows[0] if name != "the_id")
        session.connection().execute(_closing(shape, changed), rows)
    return written


def _held(session: Session, claims: Sequence[Claim]) -> set[int]:
    """Return the documents whose claims are still held, for the same bytes, and hold them until the end."""
    wanted = {
        "the_instance": claims[0].instance_id,
        "the_documents": [claim.document_id for claim in claims],
    }
    rows = session.execute(_HELD, wanted)
    now_held = {row.id: (row.tagging_claim, row.sha256) for row in rows}
    return {
        claim.document_id
        for claim in claims
        if now_held.get(claim.document_id) == (claim.token, claim.sha256)
    }


def _shape(outcome: Outcome) -> tuple[bool, ...]:
    """Return what decides which columns an outcome changes."""
    waits = outcome.state is TaggingState.QUEUED
    forgives = outcome.state.is_final and outcome.state is not TaggingState.QUARANTINED
    return waits, outcome.counted, outcome.crashed, outcome.facts is not None, forgives


def _new_values(outcome: Outcome, now: datetime) -> dict[str, object]:
    values: dict[str, object] = {
        "tagging_state": outcome.state,
        "tagging_reason_code": outcome.reason_code,
        "tagging_reason": outcome.reason[:REASON_LENGTH],
        "tagging_updated_at": now,
        "tagging_claim": None,
        "tagging_lease_until": None,
    }
    if outcome.state is TaggingState.QUEUED:
        values["tagging_enqueued_at"] = None
        values["tagging_not_before"] = outcome.not_before
    else:
        values["tagging_requested"] = False
    if outcome.facts is not None:
        values["width"] = outcome.facts.width
        values["height"] = outcome.facts.height
        values["placeholder"] = outcome.facts.placeholder
        values["exif"] = dict(outcome.facts.exif)
    return values


@cache
def _closing(shape: tuple[bool, ...], changed: tuple[str, ...]) -> Update:
    """Return the statement that changes these columns, and the counters."""
    _, counted, crashed, _, forgives = shape
    columns = DOCUMENT.c
    values: dict[str, object] = {name: bindparam(name) for name in changed}
    if counted:
        # Whatever came of it: the worker has lived through it.
        values["tagging_worker_deaths"] = 0
    else:
        values["tagging_attempts"] = columns.tagging_attempts - 1
    if forgives:
        values |= NO_DEATHS
    elif crashed:
        values["tagging_crashes"] = columns.tagging_crashes + 1
    return update(DOCUMENT).where(columns.id == bindparam("the_id")).values(values)
