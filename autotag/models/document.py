"""Documents, their versions, and where each stands in tagging."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now
from autotag.models.names import KEY_LENGTH, sort_key
from autotag.models.user import User


class TaggingState(StrEnum):
    """Where a document stands. `queued` and `running` are on the way; the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    TAGGED = "tagged"
    NO_TAGS = "no_tags"
    SKIPPED = "skipped"
    FAILED = "failed"
    QUARANTINED = "quarantined"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in (TaggingState.QUEUED, TaggingState.RUNNING)


ATTENTION = "tagging_state IN ('queued', 'running', 'failed', 'quarantined') AND deleted_at IS NULL"
"""Documents that somebody or something still has to do with: the few that the operations page counts.

Written out, because a database uses a partial index only for a condition that it can compare with this one.
"""


class Document(TenantOwned, Base):
    """A file that somebody uploaded, with the facts of its current version.

    The current version's facts (content hash, type, size) stand here too, so that a list needs one table.
    `tagging_claim` names the worker that has the document in hand until `tagging_lease_until`;
    `tagging_enqueued_at` is when a job was last handed to the broker, empty when the broker refused it;
    `tagging_not_before` holds a retry back. `tagging_crashes` counts the inference processes that died on it, and
    `tagging_worker_deaths` the workers in a row that died or ran out of time while they had it.
    `tagging_requested` says that a person asked for this attempt, so that tags which are there do not end it;
    `tagging_run_id` is the run of which it is part. Ids ascend with time, so the newest is the largest id.
    A document with `deleted_at` lies in the recycle bin; `deleted_from` is the path of the folder it lay in.
    `exif` is what a camera noted, by label, and is loaded only when it is read.
    """

    __tablename__ = "document"
    __table_args__ = (
        Index("ix_document_newest", "instance_id", "deleted_at", "id"),
        Index("ix_document_title", "instance_id", "deleted_at", "title_key", "id"),
        Index("ix_document_size", "instance_id", "deleted_at", "size", "id"),
        Index("ix_document_type", "instance_id", "deleted_at", "mime_type", "id"),
        Index("ix_document_owner", "instance_id", "deleted_at", "owner_id", "id"),
        # The folder first: the database looks here for files whenever a folder is deleted.
        Index("ix_document_folder", "folder_id", "deleted_at", "id", "instance_id"),
        Index("ix_document_state", "instance_id", "deleted_at", "tagging_state", "id"),
        Index("ix_document_run", "tagging_run_id"),
        Index(
            "ix_document_unfinished",
            "tagging_state",
            "id",
            sqlite_where=text("tagging_state IN ('queued', 'running')"),
            postgresql_where=text("tagging_state IN ('queued', 'running')"),
        ),
        Index(
            "ix_document_attention",
            "instance_id",
            "tagging_state",
            "tagging_reason_code",
            "tagging_updated_at",
            "deleted_at",
            sqlite_where=text(ATTENTION),
            postgresql_where=text(ATTENTION),
        ),
        # A number is never given again: an open page, a bookmark or a job may still name a document that is gone.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    folder_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id", ondelete="SET NULL"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    title: Mapped[str] = mapped_column(String(255))
    title_key: Mapped[str] = mapped_column(String(KEY_LENGTH), server_default="")
    description: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    deleted_from: Mapped[str] = mapped_column(Text, default="", server_default="")

    version_number: Mapped[int] = mapped_column(default=1, server_default="1")
    file_name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    mime_type: Mapped[str] = mapped_column(String(127))
    size: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    placeholder: Mapped[str] = mapped_column(String(1024), default="")
    exif: Mapped[dict[str, str] | None] = mapped_column(JSON, deferred=True)

    tagging_state: Mapped[TaggingState] = mapped_column(Choice(TaggingState))
    tagging_reason_code: Mapped[str] = mapped_column(String(64), default="")
    tagging_reason: Mapped[str] = mapped_column(String(500), default="")
    tagging_attempts: Mapped[int] = mapped_column(default=0)
    tagging_crashes: Mapped[int] = mapped_column(default=0, server_default="0")
    tagging_worker_deaths: Mapped[int] = mapped_column(default=0, server_default="0")
    tagging_updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    tagging_enqueued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tagging_not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tagging_claim: Mapped[str | None] = mapped_column(String(128))
    tagging_lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tagging_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    tagging_run_id: Mapped[int | None] = mapped_column(ForeignKey("tagging_run.id", ondelete="SET NULL"))

    owner: Mapped[User | None] = relationship(foreign_keys=[owner_id])

    @validates("title")
    def _order_by_title(self, _name: str, title: str) -> str:
        self.title_key = sort_key(title)
        return title

    @property
    def has_renditions(self) -> bool:
        """Whether the file was decoded, so that a thumbnail and a preview exist."""
        return self.width is not None


class DocumentVersion(TenantOwned, Base):
    """One version of a document's file; number 1 is the first."""

    __tablename__ = "document_version"
    __table_args__ = (
        UniqueConstraint("document_id", "number"),
        Index("ix_document_version_use", "instance_id", "size"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    number: Mapped[int]
    file_name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    mime_type: Mapped[str] = mapped_column(String(127))
    size: Mapped[int] = mapped_column(BigInteger)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
