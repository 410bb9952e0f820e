"""What every table shares: the naming convention, the column types, the mark of a tenant's row."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    MetaData,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


EnumType = TypeVar("EnumType", bound=StrEnum)


class Base(DeclarativeBase):
    """The root of all models; its metadata names every constraint, so that migrations can drop them."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: aware in Python, without a zone in the database (SQLite has none).

    A naive value is refused with ValueError, because nobody can tell which moment it means.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy names it
        """Turn an aware moment into a naive one in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Turn a stored moment into an aware one in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class Choice(TypeDecorator[EnumType], Generic[EnumType]):
    """A StrEnum stored as its text, so that adding a member needs no migration on any database."""

    impl = String(32)
    cache_ok = True

    def __init__(self, members: type[EnumType]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: EnumType | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as above
        """Check the value against the members; ValueError for a stranger."""
        return None if value is None else str(self.members(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> EnumType | None:  # noqa: ARG002 - as above
        """Give the member back."""
        return None if value is None else self.members(value)


CLOCKS_APART = timedelta(minutes=5)
"""What was noted so much later than now was noted by a clock that has been set back since."""


class Retried:
    """Mark of a row on which the scheduler works a part at a time, and that rests after a failed try.

    `failures` counts the failed tries since the last successful one. `last_error` is a line for the operator, with the
    type of the exception. Nothing is tried before `next_try_at`.
    """

    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    last_error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TenantOwned:
    """Mark of a row that belongs to one virtual instance; queries are scoped to it (see autotag.instances)."""

    instance_id: Mapped[int] = mapped_column(ForeignKey("virtual_instance.id", ondelete="CASCADE"))

    @classmethod
    def owned_by(cls, instance_id: int | BindParameter[int]) -> ColumnElement[bool]:
        """Whether a row is the instance's, for statements that name rows by their ids.

        The sum keeps SQLite from going through all rows of the instance instead.
        """
        return cls.instance_id + 0 == instance_id
