"""How far runs are: exact counts, how quickly they go, why they wait, what failed, and what they tagged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from autotag.configuration.effective import load_tagging_settings
from autotag.models import (
    Document,
    RunItemState,
    RunState,
    TagAssignment,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
)
from autotag.models.base import utc_now

RATE_WINDOW = timedelta(seconds=30)
"""The span of which the rate is: long enough to be calm, short enough to be true."""

ENOUGH_FOR_A_RATE = 3
REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How many documents of a run stand where. What was deleted for good meanwhile counts as left out."""

    total: int
    by_state: Mapping[RunItemState, int]

    @property
    def done(self) -> int:
        """Those that a worker came to an end with, tags or none."""
        return self.by_state.get(RunItemState.DONE, 0)

    @property
    def failed(self) -> int:
        """Those that ended in a failure."""
        return self.by_state.get(RunItemState.FAILED, 0)

    @property
    def undone(self) -> int:
        """Those that lost again what the run had added."""
        return self.by_state.get(RunItemState.UNDONE, 0)

    @property
    def left(self) -> int:
        """Those whose turn is still to come, or that are with the workers."""
        return self.by_state.get(RunItemState.WAITING, 0) + self.by_state.get(RunItemState.QUEUED, 0)

    @property
    def left_out(self) -> int:
        """Those that the run does not tag."""
        gone = max(0, self.total - sum(self.by_state.values()))
        return self.by_state.get(RunItemState.LEFT_OUT, 0) + gone

    @property
    def finished(self) -> int:
        """Those that the run has nothing more to do with."""
        return self.done + self.failed + self.left_out


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list."""

    run: TaggingRun
    counts: RunCounts


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run on its page. `rate` is in images a second; it and `seconds_left` are None while nobody can tell.

    `waits` says why documents rest, with how many do so for each reason.
    """

    run: TaggingRun
    counts: RunCounts
    rate: float | None
    seconds_left: float | None
    waits: tuple[tuple[str, int], ...]

    @property
    def is_undoing(self) -> bool:
        """Whether it is being undone."""
        return self.run.state is RunState.UNDONE and self.run.finished_at is None

    @property
    def is_changing(self) -> bool:
        """Whether what is shown will change by itself."""
        in_hand = self.counts.by_state.get(RunItemState.QUEUED, 0)
        return self.run.state is RunState.RUNNING or self.is_undoing or bool(in_hand)


@dataclass(frozen=True, slots=True)
class RunFile:
    """A document of a run, with what became of it."""

    document: Document
    reason: str


def list_runs(
    session: Session, instance_id: int, *, before_id: int | None = None, limit: int = 30
) -> list[RunSummary]:
    """Return an instance's runs, newest first, those before an id. Counts of what is over tell failures only."""
    statement = (
        select(TaggingRun)
        .where(TaggingRun.instance_id == instance_id)
        .options(joinedload(TaggingRun.created_by))
        .order_by(TaggingRun.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        statement = statement.where(TaggingRun.id < before_id)
    runs = session.scalars(statement).all()
    counts: dict[int, dict[RunItemState, int]] = {run.id: {} for run in runs}
    # A run that is over may have a hundred thousand items done, and its number of them is no news.
    going = [run.id for run in runs if run.state is RunState.RUNNING or run.finished_at is None]
    rows = session.execute(
        select(TaggingRunItem.run_id, TaggingRunItem.state, func.count())
        .where(
            TaggingRunItem.run_id.in_(counts),
            or_(TaggingRunItem.run_id.in_(going), TaggingRunItem.state == RunItemState.FAILED),
        )
        .group_by(TaggingRunItem.run_id, TaggingRunItem.state)
    )
    for run_id, state, number in rows:
        counts[run_id][state] = number
    return [RunSummary(run, RunCounts(run.total, counts[run.id])) for run in runs]


def count_items(session: Session, run: TaggingRun) -> RunCounts:
    """Return how many documents of a run stand where."""
    rows = session.execute(
        select(TaggingRunItem.state, func.count())
        .where(TaggingRunItem.instance_id == run.instance_id, TaggingRunItem.run_id == run.id)
        .group_by(TaggingRunItem.state)
    )
    return RunCounts(run.total, dict(rows.all()))


def progress_of(session: Session, run: TaggingRun) -> RunProgress:
    """Return how far a run is."""
    counts = count_items(session, run)
    rate = _rate(session, run) if run.state is RunState.RUNNING else None
    waits = _waits(session, run) if run.state is RunState.RUNNING else ()
    return RunProgress(
        run,
        counts,
        rate=rate,
        seconds_left=counts.left / rate if rate else None,
        waits=waits,
    )


def list_failures(session: Session, run: TaggingRun, *, after_id: int = 0, limit: int = 50) -> list[RunFile]:
    """Return failed documents of a run in the order of their ids, those after one, with why."""
    found = session.scalars(
        _documents(run, RunItemState.FAILED, after_id)
        .where(Document.tagging_state.in_((TaggingState.FAILED, TaggingState.QUARANTINED)))
        .limit(limit)
    )
    return [RunFile(document, document.tagging_reason) for document in found]


def list_tagged(session: Session, run: TaggingRun, *, after_id: int = 0, limit: int = 24) -> list[Document]:
    """Return documents that have tags of a run, in the order of their ids, those after one."""
    has_tags = exists().where(
        TagAssignment.document_id == TaggingRunItem.document_id, TagAssignment.run_id == run.id
    )
    return list(session.scalars(_documents(run, RunItemState.DONE, after_id).where(has_tags).limit(limit)))


def _documents(run: TaggingRun, state: RunItemState, after_id: int) -> Select[Document]:
    return (
        select(Document)
        .join(TaggingRunItem, TaggingRunItem.document_id == Document.id)
        .where(
            TaggingRunItem.run_id == run.id,
            TaggingRunItem.state == state,
            TaggingRunItem.document_id > after_id,
            Document.instance_id == run.instance_id,
            Document.deleted_at.is_(None),
        )
        .order_by(TaggingRunItem.document_id)
    )


def _rate(session: Session, run: TaggingRun) -> float | None:
    """Return how many images a second have been done of late; None when too few to tell."""
    now = utc_now()
    number, first = session.execute(
        select(func.count(), func.min(TaggingRunItem.finished_at)).where(
            TaggingRunItem.run_id == run.id, TaggingRunItem.finished_at > now - RATE_WINDOW
        )
    ).one()
    if first is None or number < ENOUGH_FOR_A_RATE:
        return None
    return float(number / max(1.0, (now - first).total_seconds()))


def _waits(session: Session, run: TaggingRun) -> tuple[tuple[str, int], ...]:
    counts: Sequence[tuple[str, int]] = [
        (reason, number)
        for reason, number in session.execute(
            select(Document.tagging_reason, func.count())
            .join(TaggingRunItem, TaggingRunItem.document_id == Document.id)
            .where(
                TaggingRunItem.run_id == run.id,
                TaggingRunItem.state == RunItemState.QUEUED,
                and_(Document.tagging_state == TaggingState.QUEUED, Document.tagging_reason != ""),
            )
            .group_by(Document.tagging_reason)
            .order_by(func.count().desc(), Document.tagging_reason)
            .limit(REASONS_SHOWN)
        )
    ]
    refusal = load_tagging_settings(session, run.instance_id).refusal
    if not refusal:
        return tuple(counts)
    waiting = session.scalar(
        select(func.count()).where(
            TaggingRunItem.run_id == run.id, TaggingRunItem.state == RunItemState.WAITING
        )
    )
    return ((refusal, waiting), *counts) if waiting else tuple(counts)
