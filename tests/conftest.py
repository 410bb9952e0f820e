"""What all tests share: options, the order of the files, and the fixtures of `tests/support`."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.classifier import colours_model
from tests.support.client import Client
from tests.support.compiled import compiled_rules, compiled_statements
from tests.support.database import Database, counted_statements
from tests.support.installation import Installation, Tenant, clean_environment, free_port
from tests.support.pictures import (
    SHARED_PHOTOGRAPHS,
    Photograph,
    draw_picture,
    fresh,
    jpeg,
    make_pictures,
    photographs,
    shared_photographs,
)
from tests.support.places import EMAIL, LONG_AGO, PASSWORD, REPOSITORY
from tests.support.postgresql import emptied_database, postgresql_server, postgresql_url
from tests.support.services import documented_verification, google, load_stub, microsoft, webhook_receiver
from tests.support.starting import (
    InstallationFactory,
    installation,
    start_installation,
    templates,
)
from tests.support.statements import StatementNotes, name_of, names_alone
from tests.support.waiting import absent, wait_for, waiter

__all__ = [
    "EMAIL",
    "LONG_AGO",
    "PASSWORD",
    "REPOSITORY",
    "Client",
    "Database",
    "Installation",
    "InstallationFactory",
    "Photograph",
    "Tenant",
    "absent",
    "clean_environment",
    "colours_model",
    "compiled_rules",
    "compiled_statements",
    "counted_statements",
    "documented_verification",
    "draw_picture",
    "emptied_database",
    "free_port",
    "fresh",
    "google",
    "installation",
    "jpeg",
    "load_stub",
    "make_pictures",
    "microsoft",
    "photographs",
    "postgresql_server",
    "postgresql_url",
    "shared_photographs",
    "start_installation",
    "templates",
    "wait_for",
    "waiter",
    "webhook_receiver",
]

# Whose unit tests run with both databases in `make test`, unless that would prove nothing more. Whatever has a database
# runs with PostgreSQL in `make test-postgresql`.
ROOMS_WITH_SQL = (
    "operations",
    "webhooks",
    "metrics",
    "models",
    "instances",
    "configuration",
    "media",
    "tagging",
)
ALONE = names_alone()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgresql", action="store_true", help="run what has a database with PostgreSQL instead of SQLite"
    )
    parser.addoption(
        "--postgresql-too",
        action="store_true",
        help="run everything as usual, and what SQL depends on a second time with PostgreSQL",
    )
    parser.addoption(
        "--note-statements", metavar="FILE", help="write down what each test sends to PostgreSQL"
    )


def pytest_configure(config: pytest.Config) -> None:
    if notes := config.getoption("--note-statements"):
        config.pluginmanager.register(StatementNotes(Path(notes)))


def pytest_collection_finish() -> None:
    """Collect garbage less often, and leave out what stays: this was a quarter of the time of the tests of pages."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With `--postgresql-too`, each test of a room with SQL that has a database is there once for each kind."""
    has_kind = "database_kind" in metafunc.fixturenames
    if has_kind and metafunc.config.getoption("--postgresql-too") and _is_about_sql(metafunc.definition):
        kinds = [pytest.param("sqlite", id="sqlite"), pytest.param("postgresql", id="postgresql")]
        metafunc.parametrize("database_kind", kinds, indirect=True)


def _is_about_sql(item: pytest.Item) -> bool:
    room = Path(item.path).parent
    is_there = any(room.is_relative_to(REPOSITORY / "tests" / "unit" / name) for name in ROOMS_WITH_SQL)
    return is_there and not any(item.iter_markers("sqlite")) and name_of(item) not in ALONE


@pytest.fixture(scope="session", autouse=True)
def _no_outer_settings() -> Iterator[None]:
    """Settings of whoever runs the tests must not change what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AUTOTAG_")]:
            patch.delenv(name)
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that start installations: at the end, none of the test processes waits for a long one.

    With `--postgresql`, what has no database of its own or is about SQLite is left out.
    """
    if not SHARED_PHOTOGRAPHS.is_dir():
        _leave_out(config, items, lambda item: any(item.iter_markers("accuracy")))
    items.sort(key=lambda item: "unit" in Path(item.path).relative_to(REPOSITORY).parts)
    if config.getoption("--postgresql"):
        _leave_out(config, items, lambda item: not _runs_on_postgresql(item))


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], condition: Callable[[pytest.Item], bool]
) -> None:
    left_out = [item for item in items if condition(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not condition(item)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not SHARED_PHOTOGRAPHS.is_dir():
        terminalreporter.write_line(
            "Accuracy was not measured: its photographs are not beside this clone (../shared/images)."
        )


def _runs_on_postgresql(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    has_database = fixtures & {"database_url", "start_installation"}
    return bool(has_database) and not any(item.iter_markers("sqlite")) and "postgresql_url" not in fixtures
