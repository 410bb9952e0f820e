"""Which tests run with PostgreSQL too in `make test`: together they send every statement that any of them sends.

`tests/proven_on_sqlite_alone.txt` names the tests that would send PostgreSQL nothing that another test does not send:
no other statement, no other error, no transactions of several threads at once. They run with SQLite alone in
`make test`, and with PostgreSQL in `make test-postgresql`. A test that the list does not name runs with both, so new
tests do.

To write the list anew, after a change of much SQL:

    python -m pytest tests/unit --postgresql --note-statements build/statements.jsonl
    python -m tests.support.statements build/statements.jsonl
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.places import REPOSITORY

ALONE = REPOSITORY / "tests" / "proven_on_sqlite_alone.txt"
# A list of values, or of rows, is the same statement however long it is.
PARAMETER = re.compile(r"%\(\w+\)s(::\w+)?")
REPEATED = re.compile(r"(\((?:\?[, ]*)+\)|\?)(?:, (?:\((?:\?[, ]*)+\)|\?))+")


def name_of(item: pytest.Item) -> str:
    """Return a test's name in the list: its file and function, whatever its parameters are."""
    path = Path(item.path).relative_to(REPOSITORY).as_posix()
    return f"{path}::{getattr(item, 'originalname', None) or item.name}"


def names_alone() -> frozenset[str]:
    """Read which tests run with SQLite alone."""
    return frozenset(ALONE.read_text().split()) if ALONE.is_file() else frozenset()


def shape(statement: str) -> str:
    """Return what two statements have in common that differ in the number of their values only."""
    return REPEATED.sub(r"\1", PARAMETER.sub("?", statement))


class StatementNotes:
    """A plugin that writes for each test what it sends to PostgreSQL, and what PostgreSQL refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sent: set[str] = set()
        self._threads: set[int] = set()
        event.listen(Engine, "before_cursor_execute", self._note)
        event.listen(Engine, "handle_error", self._note_error)

    def _note(self, connection: Any, _cursor: object, statement: str, *_rest: object) -> None:
        if connection.dialect.name == "postgresql":
            self._sent.add(shape(statement))
            self._threads.add(threading.get_ident())

    def _note_error(self, context: Any) -> None:
        if context.dialect.name == "postgresql":
            kind = type(context.original_exception).__name__
            self._sent.add(f"{kind}: {shape(context.statement or '')}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._sent, self._threads = set(), set()
        result = yield
        if len(self._threads) > 1:
            self._sent.add(f"several threads: {name_of(item)}")
        if self._sent:
            with self._path.open("a") as notes:
                notes.write(json.dumps([name_of(item), sorted(self._sent)]) + "\n")
        return result


def choose(sent: dict[str, set[str]]) -> list[str]:
    """Choose tests that together send everything: each time the one that adds most."""
    missing = set[str]().union(*sent.values())
    chosen = []
    while missing:
        best = max(sent, key=lambda name: (len(sent[name] & missing), name))
        chosen.append(best)
        missing -= sent[best]
    return chosen


def main(notes: Path) -> None:
    """Write the list from the notes of a run."""
    sent: dict[str, set[str]] = defaultdict(set)
    for line in notes.read_text().splitlines():
        name, statements = json.loads(line)
        sent[name].update(statements)
    alone = sorted(set(sent) - set(choose(sent)))
    ALONE.write_text("".join(f"{name}\n" for name in alone))
    sys.stdout.write(f"{len(alone)} of {len(sent)} tests run with SQLite alone.\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
