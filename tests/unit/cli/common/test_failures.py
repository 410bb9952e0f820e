"""One failure is one line on standard error, whatever fails; where an unknown one came from is told on request."""

import errno
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as BrokerAway
from sqlalchemy.exc import OperationalError, ProgrammingError

from autotag.cli.common.failures import in_one_line
from autotag.models.engine import sqlite_module
from tests.conftest import clean_environment
from tests.unit.cli.conftest import Autotag
from tests.unit.conftest import Factory

NOT_SET_UP = "The database is not set up for this version. Run: autotag init"


def from_database(reason: str) -> OperationalError:
    return OperationalError("SELECT secret", {}, sqlite3.OperationalError(reason))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            from_database("database is locked"),
            "The database is busy: another program is writing to it. Try again in a moment.",
        ),
        (from_database("no such table: document"), NOT_SET_UP),
        (ProgrammingError("x", {}, Exception('relation "document" does not exist\nLINE 1')), NOT_SET_UP),
        (
            from_database('database "autotag" does not exist'),
            'The database cannot be used: database "autotag" does not exist',
        ),
        (BrokerAway("Refused."), "The broker cannot be used: Refused. It runs with: autotag up"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "/srv/x: Permission denied."),
        (
            ModuleNotFoundError("No module", name="psycopg"),
            "The database's driver is not installed. Install it with: pip install autotag[postgresql]",
        ),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), None),
        (
            ValueError("one\ntwo"),
            "Unexpected error: ValueError: one Repeat the command with autotag --traceback to see where.",
        ),
    ],
)
def test_each_failure_is_one_line(error: Exception, line: str | None) -> None:
    assert in_one_line(error) == line


def test_what_nobody_expected_passes_on_where_its_origin_belongs_in_a_log() -> None:
    assert in_one_line(ValueError("a bug"), expected_only=True) is None
    assert in_one_line(from_database("database is locked"), expected_only=True) is not None


def test_an_unexpected_error_shows_where_it_came_from_on_request(
    autotag: Autotag, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("autotag.cli.instances.list_instances", broken)
    plain = autotag("instances", "list")
    assert (plain.exit_code, plain.stdout) == (1, "")
    assert plain.stderr.startswith("Error: Unexpected error: ValueError: a bug")
    assert isinstance(autotag("--traceback", "instances", "list").exception, ValueError)


@pytest.mark.parametrize(
    "words",
    [
        ["instances", "list"],
        ["users", "list"],
        ["config", "get", "--scope", "default", "tensorflow"],
        ["assets", "status", "--instance", "default"],
        ["assets", "import", ".", "--instance", "default"],
        ["backup", "backup.tar"],
        ["assets", "reconcile", "--instance", "default"],
    ],
    ids=" ".join,
)
def test_a_database_that_is_missing_is_one_line_and_none_is_made(
    autotag: Autotag, tmp_path: Path, words: list[str]
) -> None:
    result = autotag(*words, AUTOTAG_DATABASE_URL=f"sqlite:///{tmp_path}/none.sqlite")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {NOT_SET_UP}\n")
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.sqlite
def test_a_database_that_somebody_holds_is_one_line(
    autotag: Autotag, make: Factory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.instance("acme")
    monkeypatch.setattr("autotag.models.engine.BUSY_TIMEOUT_MILLISECONDS", 10)
    other = sqlite_module().connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        result = autotag("instances", "deactivate", "acme")
    finally:
        other.close()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: The database is busy: another program is writing to it. Try again in a moment.\n"
    )


@pytest.mark.parametrize("part", ["worker", "scheduler"])
def test_a_part_without_a_database_ends_with_one_line(tmp_path: Path, part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autotag", part],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=clean_environment(AUTOTAG_INSTANCE_PATH=str(tmp_path)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"Error: {NOT_SET_UP}"
    assert "Traceback" not in done.stderr
