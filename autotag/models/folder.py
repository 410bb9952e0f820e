"""Folders of Documents and Media."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, TenantOwned, UtcDateTime, utc_now


class Folder(TenantOwned, Base):
    """A folder; without a parent it lies at the top. Names are unique among siblings, whatever their case."""

    __tablename__ = "folder"
    __table_args__ = (
        Index("uq_folder_child_name", "instance_id", "parent_id", "normalized_name", unique=True),
        Index(
            "uq_folder_top_name",
            "instance_id",
            "normalized_name",
            unique=True,
            sqlite_where=text("parent_id IS NULL"),
            postgresql_where=text("parent_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    normalized_name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
