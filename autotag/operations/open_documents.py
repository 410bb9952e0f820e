"""Documents that somebody or something still has to do with: queued, running, failed, quarantined, by reason.

An `instance_id` of None means all instances; the caller crosses the wall for that, on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, text, union_all
from sqlalchemy.orm import Session

from autotag.models import Document, TaggingState
from autotag.models.document import ATTENTION
from autotag.tagging.provider_health.circuit_breaker import WAITING
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED

OPEN_STATES = (TaggingState.QUEUED, TaggingState.RUNNING, TaggingState.FAILED, TaggingState.QUARANTINED)

MOST_GROUPS = 40
"""Groups whose files are shown; a database takes a few hundred parts in one statement."""

MOST_IN_HAND = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Documents of one instance in the same state for the same reason; `since` is when the first came to it."""

    instance_id: int
    state: TaggingState
    code: str
    count: int
    since: datetime

    @property
    def waits_for_something_else(self) -> bool:
        """Whether no worker could do anything about it now: it waits for a provider or for the process."""
        return self.state is TaggingState.QUEUED and (
            self.code == PROCESS_DISABLED or self.code.startswith(WAITING)
        )


@dataclass(frozen=True, slots=True)
class Item:
    """One document of a group. `not_before` is until when a retry is held back."""

    id: int
    instance_id: int
    title: str
    file_name: str
    reason: str
    since: datetime
    not_before: datetime | None
    claim: str | None
    lease_until: datetime | None


_ITEM = (
    Document.id,
    Document.instance_id,
    Document.title,
    Document.file_name,
    Document.tagging_reason,
    Document.tagging_updated_at,
    Document.tagging_not_before,
    Document.tagging_claim,
    Document.tagging_lease_until,
)


def groups(session: Session, instance_id: int | None) -> list[Group]:
    """Count by instance, state and reason; the largest groups first."""
    key = (Document.instance_id, Document.tagging_state, Document.tagging_reason_code)
    statement = select(*key, func.count(), func.min(Document.tagging_updated_at)).where(
        text(ATTENTION), *_of(instance_id)
    )
    # By all three, even for one instance: the index has them in this order, so nothing is sorted.
    found = [Group(*row) for row in session.execute(statement.group_by(*key))]
    return sorted(found, key=lambda group: (-group.count, group.instance_id, group.state, group.code))


def first_items(session: Session, shown: Sequence[Group], each: int) -> dict[Group, list[Item]]:
    """Return the documents of some groups that have been in them longest, in one statement."""
    listed = list(shown[:MOST_GROUPS])
    found: dict[Group, list[Item]] = {group: [] for group in listed}
    if not listed:
        return found
    parts = (_first(number, group, each).subquery() for number, group in enumerate(listed))
    rows = session.execute(union_all(*(select(part) for part in parts)))
    for number, *values in rows:
        found[listed[number]].append(Item(*values))
    return found


def _first(number: int, group: Group, each: int) -> Select[*tuple[Any, ...]]:
    return (
        select(literal(number).label("number"), *_ITEM)
        .where(
            text(ATTENTION),
            Document.instance_id == group.instance_id,
            Document.tagging_state == group.state,
            Document.tagging_reason_code == group.code,
        )
        .order_by(Document.tagging_updated_at)
        .limit(each)
    )


def in_hand(session: Session, instance_id: int | None) -> list[Item]:
    """Return what workers have in hand, longest first, up to 200."""
    statement = (
        select(*_ITEM)
        .where(text(ATTENTION), Document.tagging_state == TaggingState.RUNNING, *_of(instance_id))
        .order_by(Document.tagging_updated_at, Document.id)
        .limit(MOST_IN_HAND)
    )
    return [Item(*row) for row in session.execute(statement)]


def _of(instance_id: int | None) -> list[ColumnElement[bool]]:
    return [] if instance_id is None else [Document.instance_id == instance_id]
