"""How providers fare: in service, in trouble or paused; calls made; crashes of the TensorFlow process."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, Choice, TenantOwned, UtcDateTime, utc_now


class ProviderStatus(StrEnum):
    """Whether a provider is asked: always, again after a while, or not until somebody changes something."""

    WORKING = "working"
    UNAVAILABLE = "unavailable"
    PAUSED = "paused"


class ProviderState(TenantOwned, Base):
    """How one provider fares in one instance; no row means that it works.

    `failures` counts failures in a row, from which the back-off follows; `retry_at` is when it is asked again.
    """

    __tablename__ = "provider_state"
    __table_args__ = (UniqueConstraint("instance_id", "provider"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(64))
    status: Mapped[ProviderStatus] = mapped_column(Choice(ProviderStatus))
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(500), default="")


class ProviderUsage(TenantOwned, Base):
    """How many images one instance sent to one provider on one day (UTC)."""

    __tablename__ = "provider_usage"
    __table_args__ = (UniqueConstraint("instance_id", "provider", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(64))
    day: Mapped[date] = mapped_column(Date)
    calls: Mapped[int] = mapped_column(default=0)


class ProcessState(Base):
    """One row: crashes of the TensorFlow process, counted for all workers together.

    `disabled_at` is set when there were too many; then no worker starts the process until somebody enables it.
    """

    __tablename__ = "process_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    crashes: Mapped[int] = mapped_column(default=0)
    last_crash_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_reason: Mapped[str] = mapped_column(String(500), default="")
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
