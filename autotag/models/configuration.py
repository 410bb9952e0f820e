"""Saved configuration entries, and the counter by which workers notice that one has changed."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, Choice, UtcDateTime, utc_now


class Level(StrEnum):
    """Where a record stands: for the installation, as the default of all instances, or for one instance."""

    SYSTEM = "system"
    DEFAULT = "default"
    INSTANCE = "instance"


class ConfigurationRecord(Base):
    """One saved entry at one level, as a whole. `values` maps field names to values; secrets are encrypted.

    `version` is the number of the change that wrote it, so that somebody who saves over an older one is told.
    """

    __tablename__ = "configuration_record"
    __table_args__ = (
        Index("uq_configuration_record_place", "entry", "level", "instance_id", unique=True),
        Index(
            "uq_configuration_record_shared",
            "entry",
            "level",
            unique=True,
            sqlite_where=text("instance_id IS NULL"),
            postgresql_where=text("instance_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    entry: Mapped[str] = mapped_column(String(64))
    level: Mapped[Level] = mapped_column(Choice(Level))
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("virtual_instance.id", ondelete="CASCADE"))
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_by: Mapped[str] = mapped_column(String(254), default="")


class ConfigurationState(Base):
    """One row: `version` grows with every change of any record, in the same transaction."""

    __tablename__ = "configuration_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
