"""Something that a person does to many documents at once, worked off in the background a part at a time."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, Choice, Retried, TenantOwned, UtcDateTime, utc_now


class BulkActionState(StrEnum):
    """How far a bulk action has come."""

    RUNNING = "running"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class BulkAction(TenantOwned, Retried, Base):
    """One action over all documents that a selection names.

    `selection` and `parameters` are JSON as the action's service writes them; `position` is the id of the last
    document that was worked off, from which it goes on after an interruption; `done` of `total` are done.
    """

    __tablename__ = "bulk_action"
    __table_args__ = (Index("ix_bulk_action_state", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    selection: Mapped[dict[str, Any]] = mapped_column(JSON)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[BulkActionState] = mapped_column(Choice(BulkActionState), default=BulkActionState.RUNNING)
    position: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
