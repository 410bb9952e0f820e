"""Work over many documents that somebody started and that is not done: tagging runs and bulk actions.

An `instance_id` of None means all instances; the caller crosses the wall for that, on purpose.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autotag.models import (
    BulkAction,
    BulkActionState,
    RunItemState,
    RunScope,
    RunState,
    TaggingRun,
    TaggingRunItem,
)

MOST_SHOWN = 20
_OPEN_ITEMS = (RunItemState.WAITING, RunItemState.QUEUED)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why work rests: its last tries failed, `failures` in a row, and the next one is at `next_try_at`.

    `reason` is a sentence for people, "" while it is still tried; `last_error` is a line for the operator.
    """

    failures: int
    last_error: str
    next_try_at: datetime | None
    reason: str


def _trouble(row: BulkAction | TaggingRun) -> Trouble | None:
    if not row.last_error:
        return None
    return Trouble(row.failures, row.last_error, row.next_try_at, row.reason)


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A tagging run that is running or paused."""

    id: int
    instance_id: int
    scope: RunScope
    covers: str
    is_paused: bool
    done: int
    total: int
    created_at: datetime
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class UnfinishedAction:
    """A bulk action that is running."""

    id: int
    instance_id: int
    kind: str
    done: int
    total: int
    created_at: datetime
    trouble: Trouble | None


def unfinished_runs(session: Session, instance_id: int | None) -> list[UnfinishedRun]:
    """Return the runs that are not done, newest first, up to 20."""
    left = (
        select(func.count())
        .where(TaggingRunItem.run_id == TaggingRun.id, TaggingRunItem.state.in_(_OPEN_ITEMS))
        .correlate(TaggingRun)
        .scalar_subquery()
    )
    statement = (
        select(TaggingRun, left)
        .where(TaggingRun.state.in_([RunState.RUNNING, RunState.PAUSED]))
        .order_by(TaggingRun.id.desc())
        .limit(MOST_SHOWN)
    )
    if instance_id is not None:
        statement = statement.where(TaggingRun.instance_id == instance_id)
    return [
        UnfinishedRun(
            run.id,
            run.instance_id,
            run.scope,
            run.covers,
            run.state is RunState.PAUSED,
            max(0, run.total - open_items),
            run.total,
            run.created_at,
            _trouble(run),
        )
        for run, open_items in session.execute(statement)
    ]


def unfinished_actions(session: Session, instance_id: int | None) -> list[UnfinishedAction]:
    """Return the bulk actions that are not done, newest first, up to 20."""
    statement = (
        select(BulkAction)
        .where(BulkAction.state == BulkActionState.RUNNING)
        .order_by(BulkAction.id.desc())
        .limit(MOST_SHOWN)
    )
    if instance_id is not None:
        statement = statement.where(BulkAction.instance_id == instance_id)
    return [
        UnfinishedAction(
            action.id,
            action.instance_id,
            action.kind,
            action.done,
            action.total,
            action.created_at,
            _trouble(action),
        )
        for action in session.scalars(statement)
    ]
