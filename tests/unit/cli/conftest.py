"""What the tests of the commands share: the command itself, at the test's own database, files and broker."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from autotag.cli import group
from autotag.media.storage.storage import FolderStorage

Autotag = Callable[..., Result]


@pytest.fixture
def autotag(
    tmp_path: Path, database_url: str, storage: FolderStorage, broker_socket: Path
) -> Iterator[Autotag]:
    """Runs `autotag` with the words given. Settings are given by name."""
    environment = {
        "AUTOTAG_INSTANCE_PATH": str(tmp_path),
        "AUTOTAG_DATABASE_URL": database_url,
        "AUTOTAG_STORAGE_URL": str(storage.root),
        "AUTOTAG_REDIS_URL": f"unix://{broker_socket}",
    }
    runner = CliRunner()
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level

    def autotag(*words: object, **settings: str) -> Result:
        return runner.invoke(group, [str(word) for word in words], env=environment | settings)

    yield autotag
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
