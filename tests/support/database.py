"""A look into an installation's database, and counting what is asked of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, NullPool, bindparam, create_engine, event, make_url, text

from autotag.models.engine import sqlite_module


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile, without the beginnings of transactions."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


class Database:
    """The installation's database, for looking; `change` only plays what no command does, such as passing time."""

    def __init__(self, url: str) -> None:
        options = {"module": sqlite_module()} if make_url(url).get_backend_name() == "sqlite" else {}
        self.engine = create_engine(url, poolclass=NullPool, **options)

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a query; parameters that are lists are for `IN :name`. Columns of JSON come as text on every database."""
        query = text(statement).bindparams(
            *(
                bindparam(name, expanding=True)
                for name, value in parameters.items()
                if isinstance(value, list)
            )
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query, parameters).mappings().all()
        return [
            {
                name: json.dumps(value) if isinstance(value, list | dict) else value
                for name, value in row.items()
            }
            for row in rows
        ]

    def value(self, statement: str, **parameters: Any) -> Any:
        rows = self.rows(statement, **parameters)
        return next(iter(rows[0].values())) if rows else None

    def change(self, statement: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def document(self, document_id: int) -> dict[str, Any]:
        return self.rows("SELECT * FROM document WHERE id = :id", id=document_id)[0]

    def tags(self, document_id: int) -> dict[str, float]:
        """The names of a document's tags with their confidence, highest first."""
        rows = self.rows(
            "SELECT tag.name AS name, tag_assignment.confidence AS confidence FROM tag_assignment"
            " JOIN tag ON tag.id = tag_assignment.tag_id WHERE document_id = :id ORDER BY confidence DESC",
            id=document_id,
        )
        return {row["name"]: row["confidence"] for row in rows}

    def states(self, document_ids: Iterable[int] | None = None) -> dict[str, int]:
        """How many documents are in each state."""
        where, parameters = "", {}
        if document_ids is not None:
            where, parameters = "WHERE id IN :ids", {"ids": list(document_ids)}
        rows = self.rows(
            f"SELECT tagging_state AS state, count(*) AS number FROM document {where} GROUP BY tagging_state",
            **parameters,
        )
        return {row["state"]: row["number"] for row in rows}
