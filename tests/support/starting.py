"""Fixtures that start installations, and end each of them.

An installation with SQLite is set up once for a test process, by `autotag init`; others are copies of it. Setting up
itself is what tests/integration/test_init_and_doctor.py and all installations of another kind do.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.passwords import hash_of_the_tests
from tests.support.postgresql import new_database

InstallationFactory = Callable[..., Installation]
SET_UP_OTHERWISE = {"AUTOTAG_DATABASE_URL", "AUTOTAG_STORAGE_URL"}
"""Settings of installations that are not set up by a copy."""


class Templates:
    """Folders that were set up once, to be copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[bool, Path] = {}

    def lay(self, installation: Installation, *, quick_start: bool) -> None:
        """Let an installation that has no folder yet have one that is set up."""
        if quick_start not in self._made:
            folder = self._folder / ("quick" if quick_start else "plain")
            folder.mkdir()
            template = Installation(folder, 1, {}, quick_start=quick_start)
            done = template.run("init", *(["--quick-start"] if quick_start else []), seconds=150)
            assert done.returncode == 0, done.stderr
            template.database.change(
                "UPDATE user_account SET password_hash = :hash", hash=hash_of_the_tests()
            )
            self._made[quick_start] = template.instance_path
        shutil.copytree(self._made[quick_start], installation.instance_path)


@pytest.fixture(scope="session")
def templates() -> Iterator[Templates]:
    with tempfile.TemporaryDirectory(prefix="at-") as folder:
        yield Templates(Path(folder))


@pytest.fixture(scope="module")
def start_installation(request: pytest.FixtureRequest, templates: Templates) -> Iterator[InstallationFactory]:
    """Start installations; at the end each is stopped, and none may leave a process behind.

    With `laid=False` the installation sets itself up as it starts.
    """
    started: list[Installation] = []
    on_postgresql = request.config.getoption("--postgresql")

    def start(
        workers: int = 2,
        *,
        running: bool = True,
        quick_start: bool = True,
        laid: bool = True,
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
            if laid and python == sys.executable and not SET_UP_OTHERWISE & set(settings):
                templates.lay(installation, quick_start=quick_start)
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
