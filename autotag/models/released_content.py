"""Contents that a deleted document named, until it is certain that no other document names them."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, UtcDateTime, utc_now


class ReleasedContent(Base):
    """A content hash whose files may go. Files are shared by all instances, so this belongs to none."""

    __tablename__ = "released_content"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    released_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    removing_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """While this lies ahead, a sweep removes the files, and no upload may rely on them."""
