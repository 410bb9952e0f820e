"""What the tests of the settings pages look at beside the pages: rows, the audit trail, the command."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.cli import config as config_command
from autotag.config import Config
from autotag.models import AuditEvent, ConfigurationRecord


@pytest.fixture
def records(sessions: sessionmaker[Session]) -> Callable[[], list[tuple[str, int, dict[str, object]]]]:
    def read() -> list[tuple[str, int, dict[str, object]]]:
        with sessions() as session:
            return [
                (record.entry, record.version, record.values)
                for record in session.scalars(select(ConfigurationRecord).order_by(ConfigurationRecord.id))
            ]

    return read


@pytest.fixture
def events(sessions: sessionmaker[Session]) -> Callable[[], int]:
    def count() -> int:
        with sessions() as session:
            return len(session.scalars(select(AuditEvent)).all())

    return count


@pytest.fixture
def command(config: Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs `autotag config` on the same installation; returns all that it printed."""
    monkeypatch.setenv("AUTOTAG_INSTANCE_PATH", str(config.instance_path))
    monkeypatch.setenv("AUTOTAG_DATABASE_URL", config.database_url)

    def run(*arguments: str) -> str:
        return CliRunner().invoke(config_command.command, arguments).output

    return run
