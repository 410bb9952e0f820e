"""Where files lie: content-addressed, written once, never changed.

A file that `keep` returned for survives a power cut: its bytes are on disk before its name is, and its name
before the folder entry is relied on. Only then may a row name it.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from autotag.media.errors import StorageError

INCOMING = "incoming"
SET_ASIDE = "set-aside"
NO_SLASH = "_"
"""Stands for a slash in the name of a file that is set aside; no key has one of its own."""
ABANDONED_AFTER_SECONDS = 24 * 60 * 60
PARTS = ("originals", "renditions")
"""What the keys of all that is kept begin with."""


class Storage(Protocol):
    """A place for files, by key: letters, figures, `/`, `.` and `-`.

    Where the files lie on another machine, every method may raise StorageError, and so may reading what `open` gave.
    """

    def incoming(self) -> Path:
        """Return a new path for a file that is being received, on the same file system as what is kept."""
        ...

    def keep(self, path: Path, key: str, *, durable: bool = True) -> None:
        """Move a received file to its key. Keeping the same key again is no change."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open for reading. Raises FileNotFoundError."""
        ...

    def on_disk(self, key: str) -> AbstractContextManager[Path]:
        """Give a path from which this process and its children can read, until the block ends.

        Raises FileNotFoundError.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether something is kept under the key."""
        ...

    def delete(self, key: str) -> None:
        """Remove what is kept under the key, if anything."""
        ...

    def discard(self, key: str, *, older_than_seconds: float) -> bool:
        """Remove what is kept under the key if it was kept that long ago; False when it is younger."""
        ...

    def put_back(self) -> int:
        """Put back what a `discard` that was killed had set aside; return how many files."""
        ...

    def sweep_incoming(self) -> int:
        """Remove what uploads left behind that never ended; return how many files went."""
        ...

    def replace_all(self, folder: Path) -> None:
        """Keep the files of a folder, at paths that are their keys, and nothing else. Moves them away."""
        ...

    def check(self) -> None:
        """Find out at little cost whether files are taken now. Raises OSError and StorageError."""
        ...

    def contents(self, prefix: str, *, older_than_seconds: float) -> set[str]:
        """Return the hashes with a prefix of two figures of which something has been kept for that long.

        Originals and renditions alike. Raises OSError and StorageError.
        """
        ...

    def free_bytes(self) -> int | None:
        """Return how much room is left, None where there is no such number. Raises OSError."""
        ...

    @property
    def place(self) -> str:
        """Where the files lie, for those who run the installation."""
        ...


class FolderStorage:
    """Files in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def incoming(self) -> Path:
        """Return a new path in the folder for files that are being received. Raises StorageError."""
        folder = self.root / INCOMING
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_stored(error) from error
        return folder / secrets.token_hex(16)

    def keep(self, path: Path, key: str, *, durable: bool = True) -> None:
        """Sync the file, rename it to its key, sync the folder. Raises StorageError when the disk refuses."""
        target = self._path(key)
        try:
            if durable:
                _sync(path)
            new_folders = _make_folders(target.parent)
            path.replace(target)
            if durable:
                for folder in (target.parent, *new_folders):
                    _sync(folder)
        except OSError as error:
            raise not_stored(error) from error

    def open(self, key: str) -> BinaryIO:
        """Open for reading. Raises FileNotFoundError."""
        return self._path(key).open("rb")

    def local_path(self, key: str) -> Path:
        """Return the file's own path. Raises FileNotFoundError."""
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        return path

    @contextmanager
    def on_disk(self, key: str) -> Iterator[Path]:
        """Give the file's own path. Raises FileNotFoundError."""
        yield self.local_path(key).absolute()

    def exists(self, key: str) -> bool:
        """Whether something is kept under the key."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """Remove what is kept under the key, if anything."""
        self._path(key).unlink(missing_ok=True)

    def discard(self, key: str, *, older_than_seconds: float) -> bool:
        """Remove what is kept under the key if its bytes were written that long ago; False when it is younger.

        The same key can be kept again at any moment. So the file is set aside, looked at again, and put back if
        it is no longer the old one.
        """
        path = self._path(key)
        aside = self.root / SET_ASIDE / key.replace("/", NO_SLASH)
        try:
            if _age(path) < older_than_seconds:
                return False
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.rename(aside)
        except FileNotFoundError:
            return True
        if _age(aside) < older_than_seconds:
            aside.replace(path)
            _sync(path.parent)
            return False
        aside.unlink(missing_ok=True)
        return True

    def put_back(self) -> int:
        """Put back what a `discard` that was killed had set aside; return how many files."""
        folder = self.root / SET_ASIDE
        found = list(folder.iterdir()) if folder.is_dir() else []
        for aside in found:
            target = self._path(aside.name.replace(NO_SLASH, "/"))
            with suppress(FileNotFoundError):
                if target.exists():
                    aside.unlink()
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    aside.replace(target)
        return len(found)

    def contents(self, prefix: str, *, older_than_seconds: float) -> set[str]:
        """Return the hashes with a prefix of two figures of which a file was written that long ago. Raises OSError."""
        limit = time.time() - older_than_seconds
        found = set()
        for pattern in (f"originals/{prefix}/*/*", f"renditions/{prefix}/*"):
            for path in self.root.glob(pattern):
                # The sweep may be ahead of us.
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < limit:
                        found.add(path.name.partition("-")[0])
        return found

    def replace_all(self, folder: Path) -> None:
        """Put the folder's files in place of what is there. Raises OSError."""
        for part in PARTS:
            place = self.root / part
            if place.is_dir():
                shutil.rmtree(place)
            if (folder / part).is_dir():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(folder / part, place)

    def check(self) -> None:
        """Make a file and remove it. Raises OSError and StorageError."""
        path = self.incoming()
        path.touch()
        path.unlink()

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def free_bytes(self) -> int:
        """Return how much room its file system has left. Raises OSError."""
        # Before the first upload the folder is not there; its file system is that of the nearest one that is.
        there = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
        return shutil.disk_usage(there).free

    def sweep_incoming(self, older_than_seconds: float = ABANDONED_AFTER_SECONDS) -> int:
        """Remove what uploads left behind that never ended; return how many files went."""
        limit = time.time() - older_than_seconds
        removed = 0
        folder = self.root / INCOMING
        for path in folder.iterdir() if folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, key: str) -> Path:
        path = self.root / key
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise ValueError(f"{key!r} is no storage key")
        return path


def original_key(sha256: str) -> str:
    """Return the key of an uploaded file's bytes, named by their SHA-256 in hexadecimal."""
    return f"originals/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def not_stored(error: OSError) -> StorageError:
    """Return what to raise when the disk did not take a file."""
    return StorageError("storage", f"The file could not be stored: {error.strerror}.")


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and its parents; return the folders that got a new entry, which need a sync, too."""
    changed = []
    missing = folder
    while not missing.exists():
        changed.append(missing.parent)
        missing = missing.parent
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _age(path: Path) -> float:
    """Seconds since a file's bytes were written; renaming it changes nothing. Raises FileNotFoundError."""
    return time.time() - path.stat().st_mtime


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
