"""Alembic's environment: runs with the product's engine, without Flask."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, TypeDecorator

from autotag.models import Base


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write the plain type for our own column types: a migration imports nothing of the product."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the table of the full-text search, which differs by database and is no model."""
    return kind != "table" or not (name or "").startswith("document_search")


def run(connection: Connection) -> None:
    """Run the migrations on an open connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
        include_name=include_name,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
