"""Fixtures that start installations, and end each of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.postgresql import new_database

InstallationFactory = Callable[..., Installation]


@pytest.fixture(scope="module")
def start_installation(request: pytest.FixtureRequest) -> Iterator[InstallationFactory]:
    """Start installations; at the end each is stopped, and none may leave a process behind."""
    started: list[Installation] = []
    on_postgresql = request.config.getoption("--postgresql")

    def start(
        workers: int = 2,
        *,
        running: bool = True,
        quick_start: bool = True,
        python: str = sys.executable,
        **settings: str,
    ) -> Installation:
        if on_postgresql and "AUTOTAG_DATABASE_URL" not in settings:
            settings["AUTOTAG_DATABASE_URL"] = new_database(request.getfixturevalue("postgresql_server"))
        # A short path: the broker's socket lies in it.
        folder = Path(tempfile.mkdtemp(prefix="at-"))
        installation = Installation(folder, workers, settings, quick_start=quick_start, python=python)
        started.append(installation)
        if running:
            installation.start()
        return installation

    yield start
    try:
        for installation in started:
            installation.stop()
    finally:
        for installation in started:
            for process in installation.processes():
                process.kill()
            shutil.rmtree(installation.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installation(start_installation: InstallationFactory) -> Installation:
    """One running installation for the tests of a module, with two workers."""
    return start_installation()
