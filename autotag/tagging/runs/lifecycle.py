"""Runs: tagging that a person asks for, over one document or many; started, paused, resumed, cancelled, undone.

Starting writes an item for each document and hands the first few to the workers; the scheduler hands out the others,
a window at a time (see `run_feeding`), so that a run stops within moments and uploads do not wait behind it.
A document that is on its way already, as an upload or in another run, is not taken from there: its item waits until
it is free. A run over what has no tags leaves it out, because it gets its tags without the run.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from autotag.configuration.effective import load_tagging_settings
from autotag.media.errors import FolderNotFound
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.library.query_plan import LOOKED_AT
from autotag.media.sniffing import IMAGE_TYPES
from autotag.models import (
    Document,
    Folder,
    RunItemState,
    RunScope,
    RunState,
    TagAssignment,
    TaggingRun,
    TaggingRunItem,
)
from autotag.models.base import Choice, utc_now
from autotag.models.tagging_run import FINAL_STATES
from autotag.models.unit_of_work import UnitOfWork
from autotag.tagging.failed_tries import forget_failures
from autotag.tagging.pipeline.deaths import HAS_DEATHS, NO_DEATHS
from autotag.tagging.runs.dispatch import CHUNK, WINDOW, hand_out, put_back
from autotag.tagging.runs.undo import finish_undo, take_back
from autotag.tagging.tags.names import TaggingRefused

COVERS_LENGTH = 255
LARGEST_ID = 2**31 - 1

COVERS = {RunScope.UNTAGGED: "All images without tags", RunScope.ALL: "All images"}
"""What a run over everything is called."""

NOTHING_TO_TAG = {
    RunScope.UNTAGGED: "Every image has tags, or is being tagged already.",
    RunScope.ALL: "There are no images to tag.",
    RunScope.FOLDER: "There are no images in this folder.",
    RunScope.SELECTION: "There is no image among these files; only images are tagged.",
}

_CANNOT = {
    RunState.RUNNING: "This run is under way.",
    RunState.PAUSED: "This run is paused.",
    RunState.CANCELLED: "This run was cancelled.",
    RunState.FINISHED: "This run has finished.",
    RunState.UNDONE: "This run was undone.",
}


class RunNotFound(LookupError):
    """No such run in this instance; another instance's run is this, too."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"There is no run {run_id} in this virtual instance.")
        self.run_id = run_id


def selection_of(scope: RunScope, folder_id: int | None = None) -> Selection:
    """Return what a scope that needs no choice by hand means; a folder's includes the folders below it."""
    if scope is RunScope.FOLDER:
        return Selection(query=DocumentQuery(folder_id=folder_id, with_subfolders=True))
    return Selection(query=DocumentQuery(untagged=scope is RunScope.UNTAGGED))


def start_run(
    work: UnitOfWork,
    instance_id: int,
    *,
    scope: RunScope,
    selection: Selection,
    covers: str,
    user_id: int | None,
) -> TaggingRun:
    """Start tagging the chosen documents; what lies in the recycle bin is not chosen.

    Tagging again only adds: what is on a document stays, what a person took off does not return. Raises
    TaggingRefused with code `nothing_to_tag` when there is no image among them, and `switched_off` when no setting
    in force would let any image be tagged.
    """
    session = work.session
    refusal = load_tagging_settings(session, instance_id).refusal
    if refusal:
        raise TaggingRefused("switched_off", refusal)
    chosen = _chosen(session, instance_id, scope, selection)
    if session.scalar(chosen.where(_is_image()).limit(1)) is None:
        raise TaggingRefused("nothing_to_tag", NOTHING_TO_TAG[scope])
    run = TaggingRun(
        instance_id=instance_id,
        scope=scope,
        covers=covers[:COVERS_LENGTH],
        state=RunState.RUNNING,
        created_by_id=user_id,
    )
    session.add(run)
    session.flush()
    _write_items(session, run, chosen)
    run.total = _count_items(session, run)
    session.flush()
    hand_out(session, run, WINDOW)
    return run


def start_for_folder(
    work: UnitOfWork, instance_id: int, folder_id: int, *, user_id: int | None
) -> TaggingRun:
    """Start a run over the files of a folder and of those below it. Raises FolderNotFound, and as `start_run`."""
    name = work.session.scalar(
        select(Folder.name).where(Folder.instance_id == instance_id, Folder.id == folder_id)
    )
    if name is None:
        raise FolderNotFound(folder_id)
    selection = selection_of(RunScope.FOLDER, folder_id)
    return start_run(
        work, instance_id, scope=RunScope.FOLDER, selection=selection, covers=name, user_id=user_id
    )


@dataclass(frozen=True, slots=True)
class Covered:
    """How many images a run would cover; with `is_least` there may be more, because not all files were looked at."""

    images: int
    is_least: bool


def count_covered(session: Session, instance_id: int) -> dict[RunScope, Covered]:
    """Return how many images a run over all, and one over all without tags, would cover now.

    LOOKED_AT files are looked at, so that the answer takes no longer in a large library.
    """
    looked_at = select(Document.id).where(Document.instance_id == instance_id, Document.deleted_at.is_(None))
    some = looked_at.limit(LOOKED_AT).subquery()
    seen = select(func.count()).select_from(looked_at.limit(LOOKED_AT + 1).subquery()).scalar_subquery()
    images = func.count().filter(_is_image())
    untagged = func.count().filter(_is_image(), *_is_untagged())
    counted = select(images, untagged, seen).select_from(Document).join(some, some.c.id == Document.id)
    everything, without, number = session.execute(counted).one()
    is_least = number > LOOKED_AT
    return {RunScope.ALL: Covered(everything, is_least), RunScope.UNTAGGED: Covered(without, is_least)}


def load_run(session: Session, instance_id: int, run_id: int, *, for_change: bool = False) -> TaggingRun:
    """Return one run of this instance. Raises RunNotFound, for another instance's run as well."""
    statement = select(TaggingRun).where(TaggingRun.instance_id == instance_id, TaggingRun.id == run_id)
    if for_change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    run = session.scalar(statement) if 0 < run_id <= LARGEST_ID else None
    if run is None:
        raise RunNotFound(run_id)
    return run


def pause_run(work: UnitOfWork, instance_id: int, run_id: int) -> TaggingRun:
    """Stop handing out documents; those in a worker's hand are finished. Raises TaggingRefused when it is over."""
    run = _change(work.session, instance_id, run_id, RunState.PAUSED, {RunState.RUNNING})
    put_back(work.session, run, CHUNK)
    return run


def resume_run(work: UnitOfWork, instance_id: int, run_id: int) -> TaggingRun:
    """Go on with a paused or cancelled run: only what was not done yet is done."""
    run = _change(work.session, instance_id, run_id, RunState.RUNNING, {RunState.PAUSED, RunState.CANCELLED})
    run.finished_at = None
    work.session.flush()
    hand_out(work.session, run, WINDOW)
    return run


def cancel_run(work: UnitOfWork, instance_id: int, run_id: int) -> TaggingRun:
    """End a run before its end; what it has done stays."""
    run = _change(work.session, instance_id, run_id, RunState.CANCELLED, {RunState.RUNNING, RunState.PAUSED})
    run.finished_at = run.finished_at or utc_now()
    put_back(work.session, run, CHUNK)
    return run


def undo_run(work: UnitOfWork, instance_id: int, run_id: int) -> TaggingRun:
    """Take away what a run added and nothing else; a run under way is stopped first.

    A small run is undone at once, of a large one a part: the scheduler undoes the rest a part at a time, and after
    an interruption goes on where it was. What a person did meanwhile stays, an assignment made manual included.
    """
    run = _change(work.session, instance_id, run_id, RunState.UNDONE, set(RunState) - {RunState.UNDONE})
    run.finished_at = None
    work.session.flush()
    put_back(work.session, run, CHUNK)
    take_back(work.session, run, CHUNK)
    finish_undo(work.session, run)
    return run


def retry_failed(work: UnitOfWork, instance_id: int, run_id: int, document_id: int | None = None) -> int:
    """Try the failed documents of a run again, or one of them; return how many. A finished run goes on for them."""
    session = work.session
    run = load_run(session, instance_id, run_id, for_change=True)
    if run.state not in (RunState.RUNNING, RunState.FINISHED):
        raise TaggingRefused("run_state", f"{_CANNOT[run.state]} Resume it to try files again.")
    statement = update(TaggingRunItem).where(
        TaggingRunItem.run_id == run.id, TaggingRunItem.state == RunItemState.FAILED
    )
    if document_id is not None:
        statement = statement.where(TaggingRunItem.document_id == document_id)
    again = session.execute(
        statement.values(state=RunItemState.WAITING, finished_at=None)
        .returning(TaggingRunItem.document_id)
        .execution_options(synchronize_session=False)
    ).all()
    if again:
        # Its earlier deaths would set it aside at the first further one.
        session.execute(
            update(Document)
            .where(Document.id.in_([row.document_id for row in again]), HAS_DEATHS)
            .values(**NO_DEATHS)
            .execution_options(synchronize_session=False)
        )
        run.state, run.finished_at = RunState.RUNNING, None
        forget_failures(run)
        session.flush()
        hand_out(session, run, WINDOW)
    return len(again)


def _change(
    session: Session, instance_id: int, run_id: int, state: RunState, allowed: set[RunState]
) -> TaggingRun:
    """Move a run to a state. One that is there already stays, so that a second press does no harm."""
    run = load_run(session, instance_id, run_id, for_change=True)
    if run.state is not state and run.state not in allowed:
        raise TaggingRefused("run_state", _CANNOT[run.state])
    run.state, run.reason = state, ""
    forget_failures(run)
    session.flush()
    return run


def _chosen(session: Session, instance_id: int, scope: RunScope, selection: Selection) -> Select[tuple[int]]:
    return _covered(selection.select_ids(session, instance_id).where(Document.deleted_at.is_(None)), scope)


def _covered(chosen: Select[Any], scope: RunScope) -> Select[Any]:
    if scope in (RunScope.ALL, RunScope.UNTAGGED):
        chosen = chosen.where(_is_image())
    if scope is RunScope.UNTAGGED:
        chosen = chosen.where(*_is_untagged())
    return chosen


def _is_untagged() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        Document.tagging_state.in_(FINAL_STATES),
        ~exists().where(TagAssignment.document_id == Document.id),
    )


def _write_items(session: Session, run: TaggingRun, chosen: Select[tuple[int]]) -> None:
    """Write all items in one statement, so that a hundred thousand are written in a moment."""
    states = Choice(RunItemState)
    columns = chosen.with_only_columns(
        literal(run.instance_id),
        literal(run.id),
        Document.id,
        case(
            (_is_image(), literal(RunItemState.WAITING, states)),
            else_=literal(RunItemState.LEFT_OUT, states),
        ),
        Document.tagging_state,
        Document.tagging_reason_code,
        Document.tagging_reason,
    )
    names = ["instance_id", "run_id", "document_id", "state"]
    names += ["previous_state", "previous_reason_code", "previous_reason"]
    session.execute(insert(TaggingRunItem).from_select(names, columns))


def _count_items(session: Session, run: TaggingRun) -> int:
    count = select(func.count()).where(TaggingRunItem.run_id == run.id)
    return session.scalar(count) or 0


def _is_image() -> ColumnElement[bool]:
    return Document.mime_type.in_(sorted(IMAGE_TYPES))
