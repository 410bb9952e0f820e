"""Creating what several processes may create at once: an upsert, so that whoever comes second finds it."""

from collections.abc import Iterable

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from autotag.models import Tag
from autotag.models.base import utc_now
from autotag.models.names import fold


def ensure_tags(
    session: Session, instance_id: int, names: Iterable[str], *, run_id: int | None = None
) -> dict[str, int]:
    """Return the ids of these tags by folded name, creating those that the instance lacks, for a run if any."""
    wanted = {fold(name): name for name in names}
    statement = select(Tag.normalized_name, Tag.id).where(
        Tag.instance_id == instance_id, Tag.normalized_name.in_(wanted)
    )
    found = dict(session.execute(statement).all())
    missing = wanted.keys() - found.keys()
    if missing:
        rows: list[dict[str, object]] = [
            {
                "instance_id": instance_id,
                "name": wanted[folded],
                "normalized_name": folded,
                "created_by_run_id": run_id,
                "created_at": utc_now(),
            }
            for folded in sorted(missing)
        ]
        insert_new(session, Tag.__table__, rows)
        found = dict(session.execute(statement).all())
    return found


def insert_new(session: Session, table: object, rows: list[dict[str, object]]) -> None:
    """Insert rows, leaving alone those that a unique constraint says are there already."""
    if not rows:
        return
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: __table__ is declared as FromClause
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    session.execute(insert.on_conflict_do_nothing(), rows)
