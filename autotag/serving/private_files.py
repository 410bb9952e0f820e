"""The instance folder belongs to the user that Autotag runs as: nobody else on the machine reads anything in it."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

from autotag.config import Config
from autotag.media.storage.storage import INCOMING, SET_ASIDE

PRIVATE_UMASK = 0o077
OTHERS = stat.S_IRWXG | stat.S_IRWXO
MARK = ".private"
"""Stands in a folder of which everything has been tightened. What is made later is private from the beginning."""

STORAGE_FOLDERS = ("originals", "renditions", INCOMING, SET_ASIDE)


def make_private(instance_path: Path) -> None:
    """Let this process, and those that it starts, make files for their owner only, and close the instance folder."""
    os.umask(PRIVATE_UMASK)
    _tighten(instance_path)


def tighten(config: Config, *, everything: bool = False) -> None:
    """Take from everybody but the owner what an earlier version, a copy or a backup tool has let them do.

    It goes through all files the first time, and with `everything`; later only through those at the top, because there
    may be millions. Of an outside storage folder only what Autotag made in it is tightened. What belongs to another
    user stays as it is.
    """
    _tighten(config.instance_path)
    storage = config.storage_path
    outside = [storage / name for name in STORAGE_FOLDERS] if storage.parent != config.instance_path else []
    database = _database_files(config.database_url)
    for path in (*config.instance_path.iterdir(), *outside, *database):
        _tighten(path)
    mark = config.instance_path / MARK
    if everything or not mark.exists():
        for folder in (config.instance_path, *outside):
            for path in _below(folder):
                _tighten(path)
        mark.touch(mode=0o600)


def _database_files(url: str) -> list[Path]:
    found = make_url(url)
    if found.get_backend_name() != "sqlite" or not found.database:
        return []
    return [Path(found.database + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def _below(folder: Path) -> Iterator[Path]:
    """Go through all files and folders below a folder, without following links."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(place, name)


def _tighten(path: Path) -> None:
    # What somebody else owns cannot be changed, and what has gone need not be.
    with suppress(PermissionError, FileNotFoundError):
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
