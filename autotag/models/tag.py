"""Tags, who put them on which document, and which ones a person took off."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now


class AssignmentSource(StrEnum):
    """Who made an assignment: a person, a provider, or the keywords in the file. Only `auto` is automatic."""

    MANUAL = "manual"
    AUTO = "auto"
    FILE = "file"


class Tag(TenantOwned, Base):
    """A tag of one instance. Names that differ only in case are the same tag: `normalized_name` is case-folded.

    `created_by_run_id` is the run that brought it, so that undoing the run takes it away when nobody uses it.
    """

    __tablename__ = "tag"
    __table_args__ = (
        UniqueConstraint("instance_id", "normalized_name"),
        Index("ix_tag_created_by_run", "created_by_run_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(75))
    # Case folding can lengthen a name (a single letter to three at most).
    normalized_name: Mapped[str] = mapped_column(String(225))
    created_by_run_id: Mapped[int | None] = mapped_column(ForeignKey("tagging_run.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class TagAssignment(TenantOwned, Base):
    """A tag on a document, with its provenance.

    A manual assignment, and one from the file, has no provider, model or confidence; an automatic one has all
    three, the attempt that made it, and the run that attempt was part of, if any. Confidence is 0 to 1.
    """

    __tablename__ = "tag_assignment"
    __table_args__ = (
        UniqueConstraint("document_id", "tag_id"),
        # The last three are for counting without a look at the rows: the wall asks each of them for its instance.
        Index("ix_tag_assignment_tag", "tag_id", "document_id", "instance_id", "source", "provider"),
        Index("ix_tag_assignment_run", "run_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"))
    source: Mapped[AssignmentSource] = mapped_column(Choice(AssignmentSource))
    provider: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str | None] = mapped_column(String(128))
    confidence: Mapped[float | None]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("tagging_attempt.id", ondelete="SET NULL"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("tagging_run.id", ondelete="SET NULL"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    tag: Mapped[Tag] = relationship()


class TagRejection(TenantOwned, Base):
    """A name that a person took off a document: no provider puts it back there."""

    __tablename__ = "tag_rejection"
    __table_args__ = (UniqueConstraint("document_id", "normalized_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    normalized_name: Mapped[str] = mapped_column(String(225))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
