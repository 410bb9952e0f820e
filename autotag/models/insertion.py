"""Inserting what may be there already: of two who insert at once, the database lets one find it there."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row, SelectBase, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

Insert = postgresql.Insert | sqlite.Insert


def insert_new(
    session: Session, table: object, rows: list[dict[str, object]], *returned: InstrumentedAttribute[Any]
) -> Sequence[Row[Any]]:
    """Insert rows, leaving alone those that a unique constraint says are there already.

    Returns the columns that are asked for, of those that are new.
    """
    if not rows:
        return []
    statement = _leaving_alone(insertion(session, table))
    if not returned:
        session.execute(statement, rows)
        return []
    return session.execute(statement.returning(*returned), rows).all()


def insert_new_from(session: Session, table: object, columns: Sequence[str], rows: SelectBase) -> None:
    """Insert what a statement selects, leaving alone what a unique constraint says is there already.

    The statement needs a WHERE clause, without which SQLite takes the conflict's ON for one of a join.
    """
    statement = _leaving_alone(insertion(session, table))
    session.execute(statement.from_select(list(columns), rows))


def insertion(session: Session, table: object) -> Insert:
    """Return an INSERT of the session's database, which can say what it does about a row that is there already."""
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: __table__ is declared as FromClause
    return _insertion_of(session.get_bind().dialect.name, table)


@cache
def _insertion_of(dialect: str, table: Table) -> Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def _leaving_alone(insert: Insert) -> Insert:
    return insert.on_conflict_do_nothing()
