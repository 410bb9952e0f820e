"""Runs that people start over many documents, and single attempts at one document."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now
from autotag.models.document import TaggingState


class RunScope(StrEnum):
    """Which documents a run covers."""

    UNTAGGED = "untagged"
    ALL = "all"
    FOLDER = "folder"
    SELECTION = "selection"


class RunState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    UNDONE = "undone"


class TaggingRun(TenantOwned, Base):
    """Tagging that a person asked for, over one document or many. Uploads are tagged without a run."""

    __tablename__ = "tagging_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[RunScope] = mapped_column(Choice(RunScope))
    state: Mapped[RunState] = mapped_column(Choice(RunState), default=RunState.RUNNING)
    total: Mapped[int] = mapped_column(default=0)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TaggingAttempt(TenantOwned, Base):
    """One try at one document: the row is written with the outcome, so it exists if and only if one was reached."""

    __tablename__ = "tagging_attempt"
    __table_args__ = (Index("ix_tagging_attempt_document", "document_id", "id"),)

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
