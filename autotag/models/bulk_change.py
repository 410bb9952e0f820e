"""What a part of an action over many documents changed, so that the action can be taken back."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, TenantOwned


class BulkChange(TenantOwned, Base):
    """The changes of one part of a bulk action, as JSON that the action's service writes and reads.

    They go with the action, and one by one as the action is taken back.
    """

    __tablename__ = "bulk_change"
    __table_args__ = (Index("ix_bulk_change_action", "action_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action_id: Mapped[int] = mapped_column(ForeignKey("bulk_action.id", ondelete="CASCADE"))
    documents: Mapped[int]
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)
