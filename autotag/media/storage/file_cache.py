"""Local copies of what lies in object storage: bounded, shared by all processes of a machine, safe to lose.

A copy appears by a rename, whole. Whoever uses one holds a shared lock on it, so that clearing away, which needs the
lock alone, passes it by; the kernel lets go of the locks of a process that dies. Names change only under one lock of
the folder, so that nobody takes away another copy than the one that he looked at. What a name promises is verified by
each process that uses a copy: the store may have sent something else, or a power cut left holes.
"""

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

MAXIMUM_BYTES = 1 << 30
SLACK = 16
"""After a sixteenth of the most that is allowed has been added by a process, it looks whether it is too much."""
LOCK = ".lock"
MOST_REMEMBERED = 10_000
FETCHES = 2
"""How often a copy is fetched for one use: the second time because the first one was damaged."""


class FileCache:
    """Copies in a folder, at most `maximum_bytes` and, for each process that adds to them, a sixteenth more."""

    def __init__(self, folder: Path, *, maximum_bytes: int = MAXIMUM_BYTES) -> None:
        self.folder = folder
        self._maximum = maximum_bytes
        # At the first copy it looks: an earlier process may have left too much.
        self._added = maximum_bytes
        self._verified: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: str, fetch: Callable[[], Path]) -> Iterator[Path]:
        """Give the copy of a key, which stays until the block ends; `fetch` brings the file when there is none.

        What `fetch` brings lies on the same file system and is moved. Its errors pass, and OSError;
        FileNotFoundError also when what it brings is not what the key says.
        """
        with self._held(key, fetch) as file:
            yield Path(file.name)

    def open(self, key: str) -> BinaryIO | None:
        """Open a copy that is there; it can be read to its end whatever becomes of its name."""
        path = self._path(key)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        if self._is_whole(file, key):
            _touch(path)
            return file
        with file:
            self._remove(path, file)
        return None

    def add(self, key: str, path: Path) -> None:
        """Move a file in as the copy of a key. Raises OSError."""
        size = path.stat().st_size
        os.utime(path)
        with self._names():
            path.replace(self._path(key))
        with self._lock:
            self._added += size
            due = self._added * SLACK > self._maximum
            if due:
                self._added = 0
        if due:
            self.clear()

    def drop(self, key: str) -> None:
        """Forget a copy that nobody needs any more."""
        self._path(key).unlink(missing_ok=True)

    def clear(self) -> int:
        """Remove the copies that were not used for longest until enough room is left; return how many went.

        Those in use stay, though there be too many.
        """
        found = []
        for entry in os.scandir(self.folder) if self.folder.is_dir() else ():
            with suppress(FileNotFoundError):
                status = entry.stat()
                if entry.name != LOCK:
                    found.append((status.st_atime_ns, status.st_size, Path(entry.path)))
        total = sum(size for _, size, _ in found)
        removed = 0
        if total <= self._maximum:
            return removed
        for _, size, path in sorted(found):
            if total * SLACK <= self._maximum * (SLACK - 1):
                break
            if self._remove_unused(path):
                total -= size
                removed += 1
        return removed

    @contextmanager
    def _held(self, key: str, fetch: Callable[[], Path]) -> Iterator[BufferedReader]:
        path = self._path(key)
        fetches = 0
        while True:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                self._fetch(key, fetch, fetches)
                fetches += 1
                continue
            with file:
                fcntl.flock(file, fcntl.LOCK_SH)
                # It may have been removed before it was held.
                if os.fstat(file.fileno()).st_nlink == 0:
                    continue
                if not self._is_whole(file, key):
                    self._remove(path, file)
                    continue
                _touch(path)
                yield file
                return

    def _fetch(self, key: str, fetch: Callable[[], Path], before: int) -> None:
        brought = fetch()
        if before + 1 >= FETCHES and not _is_what_it_says(brought, key):
            brought.unlink()
            raise FileNotFoundError(f"what the storage has under {key} is damaged")
        self.add(key, brought)

    def _is_whole(self, file: BufferedReader, key: str) -> bool:
        """Whether a copy is what its key says; looked at once by each process."""
        status = os.fstat(file.fileno())
        identity = (status.st_ino, status.st_mtime_ns)
        if self._verified.get(key) == identity:
            return True
        if not _matches(file, key):
            return False
        if len(self._verified) >= MOST_REMEMBERED:
            self._verified.clear()
        self._verified[key] = identity
        return True

    def _remove_unused(self, path: Path) -> bool:
        """Remove a copy unless somebody holds it."""
        with self._names(), suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            return True
        return False

    def _remove(self, path: Path, file: BufferedReader) -> None:
        """Remove a damaged copy, unless another has taken its place."""
        with self._names(), suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                path.unlink()

    @contextmanager
    def _names(self) -> Iterator[None]:
        """Be the only one of this machine who changes names."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path(self, key: str) -> Path:
        return self.folder / key.replace("/", "_")


def _is_what_it_says(path: Path, key: str) -> bool:
    with path.open("rb") as file:
        return _matches(file, key)


def _matches(file: BufferedReader, key: str) -> bool:
    """Whether a file is what its key says: those of originals end with the SHA-256, of others nothing is known."""
    name = key.rpartition("/")[2]
    if not is_sha256(name):
        return True
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest == name


def is_sha256(name: str) -> bool:
    """Whether a name is a SHA-256 in hexadecimal."""
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _touch(path: Path) -> None:
    """Note a use; the moment of the last change stays, by which a copy is known again."""
    with suppress(FileNotFoundError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
