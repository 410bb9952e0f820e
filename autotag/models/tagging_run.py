"""Runs that people start over many documents, and single attempts at one document."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from autotag.models.base import Base, Choice, Retried, TenantOwned, UtcDateTime, utc_now
from autotag.models.document import TaggingState
from autotag.models.user import User


class RunScope(StrEnum):
    """Which documents a run covers."""

    UNTAGGED = "untagged"
    ALL = "all"
    FOLDER = "folder"
    SELECTION = "selection"


class RunState(StrEnum):
    """How far a run has come. One that is `undone` without a `finished_at` is being undone."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    UNDONE = "undone"


class RunItemState(StrEnum):
    """Where one document of a run stands.

    `waiting` is not handed out yet, `queued` is with the workers, `left_out` is no image, lies in the recycle bin,
    or had tags before its turn in a run over what has none. `undone` lost again what the run had added.
    """

    WAITING = "waiting"
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left_out"
    UNDONE = "undone"


FINAL_STATES = tuple(state for state in TaggingState if state.is_final)
SUCCESSFUL_STATES = (TaggingState.TAGGED, TaggingState.NO_TAGS, TaggingState.SKIPPED)


def item_state(state: TaggingState) -> RunItemState:
    """Return where an item of a run stands whose document has come to this final state."""
    return RunItemState.DONE if state in SUCCESSFUL_STATES else RunItemState.FAILED


class TaggingRun(TenantOwned, Retried, Base):
    """Tagging that a person asked for, over one document or many. Uploads are tagged without a run.

    `covers` says in words what the run is over: a folder's name, a search. `total` is the number of its items.
    `reason` is a sentence for people when it was not a person who paused or cancelled it, "" otherwise.
    """

    __tablename__ = "tagging_run"
    __table_args__ = (Index("ix_tagging_run_newest", "instance_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[RunScope] = mapped_column(Choice(RunScope))
    covers: Mapped[str] = mapped_column(String(255), default="", server_default="")
    state: Mapped[RunState] = mapped_column(Choice(RunState), default=RunState.RUNNING)
    total: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="", server_default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_by: Mapped[User | None] = relationship()


class TaggingRunItem(TenantOwned, Base):
    """One document of a run, and the state to which it goes back when the run is cancelled, paused or undone."""

    __tablename__ = "tagging_run_item"
    __table_args__ = (
        Index("ix_tagging_run_item_state", "run_id", "state", "document_id"),
        Index("ix_tagging_run_item_finished", "run_id", "finished_at"),
        Index("ix_tagging_run_item_document", "document_id"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("tagging_run.id", ondelete="CASCADE"), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[RunItemState] = mapped_column(Choice(RunItemState), default=RunItemState.WAITING)
    previous_state: Mapped[TaggingState] = mapped_column(Choice(TaggingState))
    previous_reason_code: Mapped[str] = mapped_column(String(64), default="")
    previous_reason: Mapped[str] = mapped_column(String(500), default="")
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TaggingAttempt(TenantOwned, Base):
    """One try at one document: the row is written with the outcome, so it exists if and only if one was reached."""

    __tablename__ = "tagging_attempt"
    __table_args__ = (
        Index("ix_tagging_attempt_document", "document_id", "id"),
        Index("ix_tagging_attempt_finished", "finished_at", "instance_id", "state", "seconds"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("tagging_run.id", ondelete="SET NULL"))
    number: Mapped[int]
    state: Mapped[TaggingState] = mapped_column(Choice(TaggingState))
    reason_code: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")
    worker: Mapped[str] = mapped_column(String(128), default="")
    seconds: Mapped[float] = mapped_column(default=0.0)
    finished_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
