"""Installations of models in the background: what is to be done, how far it is, what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, Choice, UtcDateTime, utc_now


class InstallationState(StrEnum):
    """Where an installation stands; the last three are final until somebody starts it again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ModelInstallation(Base):
    """The latest installation of one model. `total_bytes` is None while nobody knows how many there will be.

    `updated_at` is also its sign of life: what has not been heard of for a while is lost.
    """

    __tablename__ = "model_installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[InstallationState] = mapped_column(Choice(InstallationState))
    done_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    total_bytes: Mapped[int | None] = mapped_column(BigInteger)
    message: Mapped[str] = mapped_column(String(500), default="")
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
