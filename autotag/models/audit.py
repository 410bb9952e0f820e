"""Who changed what, from what to what, and when."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, UtcDateTime, utc_now


class AuditEvent(Base):
    """One change of a setting, an instance or a user. Without an instance it concerns the installation.

    `changes` is a list of [what, before, after]; secrets stand there masked. The actor's address is kept as
    text, so that it outlives the user.
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_instance", "instance_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("virtual_instance.id", ondelete="CASCADE"))
    actor: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255))
    changes: Mapped[list[list[Any]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
