"""Tokens with which programs call the API, and the uploads that they named with a key of their own."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now
from autotag.models.user import Role, User


def _in_a_year() -> datetime:
    return utc_now() + timedelta(days=365)


class ApiToken(TenantOwned, Base):
    """A program's sign-in, made by a person: it may do what `role` may, and never more than the person may now.

    The token is random and shown once; only its SHA-256 stands here, and `ending`, its last letters, by which
    people tell tokens apart.
    """

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role] = mapped_column(Choice(Role))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    ending: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, default=_in_a_year)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship()


class IdempotencyKey(TenantOwned, Base):
    """An upload that a program named, so that sending it again makes no second document.

    `request_sha256` tells whether the same is sent again; it is kept for a day.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("instance_id", "user_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(128))
    request_sha256: Mapped[str] = mapped_column(String(64))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
