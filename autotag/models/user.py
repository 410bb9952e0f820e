"""People and their sign-ins."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now
from autotag.models.virtual_instance import VirtualInstance


class Role(StrEnum):
    """What a person may do; each role includes the ones before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMINISTRATOR = "administrator"
    SYSTEM_ADMINISTRATOR = "system-administrator"

    def includes(self, other: "Role") -> bool:
        """Whether a person with this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class User(TenantOwned, Base):
    """A person in one virtual instance; the same address in two instances is two users.

    While `must_change_password` is set, the password is a generated one that others may have seen.
    `totp_secret` is the encrypted secret of the second factor, None without one; `totp_last_step` the number of the
    last 30-second step (RFC 6238) of which a code was used.
    """

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("instance_id", "email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    password_hash: Mapped[str] = mapped_column(String(255))
    must_change_password: Mapped[bool] = mapped_column(default=False)
    totp_secret: Mapped[str | None] = mapped_column(String(255))
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    role: Mapped[Role] = mapped_column(Choice(Role))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    instance: Mapped[VirtualInstance] = relationship()


class UserSession(TenantOwned, Base):
    """One signed-in browser. The cookie holds a random token; only its SHA-256 stands here."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    address: Mapped[str] = mapped_column(String(64), default="")
    browser: Mapped[str] = mapped_column(String(255), default="")

    user: Mapped[User] = relationship()


class RecoveryCode(TenantOwned, Base):
    """A code that stands in for a second factor once. It is random and shown once; only its SHA-256 stands here."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("instance_id", "user_id", "code_sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    code_sha256: Mapped[str] = mapped_column(String(64))
