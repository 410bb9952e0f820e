"""Files in a bucket of object storage that speaks S3.

An object appears whole or not at all, and under a key lies always the same content, so nothing is synced or renamed.
What is on its way passes through a folder of this machine, where copies of what was used last stay as well. Whether a
file may be removed cannot be decided here, for S3 cannot delete on the condition that nobody wrote meanwhile: that
an upload and the sweep never want the same content at once is settled in the database
(`autotag.media.storage.garbage`).
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from autotag.config import Bucket
from autotag.media.errors import StorageUnavailable
from autotag.media.storage.file_cache import FileCache
from autotag.media.storage.remote_file import BLOCK_BYTES, open_remote
from autotag.media.storage.storage import PARTS, FolderStorage, not_stored

if TYPE_CHECKING:
    from obstore.store import S3Store

PART_BYTES = 8 << 20
"""Larger files go up in parts of this size, `PARTS_AT_ONCE` at a time: what an upload holds in memory."""
PARTS_AT_ONCE = 3
SMALL_BYTES = 2 << 20
"""A rendition up to this size is read through the local copies, because pages show it again and again."""
CACHE = "cache"

# A store that is down is known within a second when it refuses connections, within 15 when it swallows them.
CONNECT_SECONDS = 3
REQUEST_SECONDS = 30
RETRIES = 3
RETRY_SECONDS = 12
CHECK_SECONDS = 2

Result = TypeVar("Result")


class ObjectStorage:
    """Files in a bucket. `folder` is one of this machine, for what is on its way and for copies."""

    def __init__(self, bucket: Bucket, folder: Path, *, cache: FileCache | None = None) -> None:
        self.bucket = bucket
        self.cache = cache or FileCache(folder / CACHE)
        self._local = FolderStorage(folder)

    def incoming(self) -> Path:
        """Return a new path in the folder of this machine. Raises StorageError."""
        return self._local.incoming()

    def keep(self, path: Path, key: str, *, durable: bool = True) -> None:
        """Put a file up, in parts when it is large, also when the same is there already.

        Otherwise an upload that is quick would tell that another virtual instance has the same content. Raises
        StorageUnavailable; then nothing is under the key that was not there before.
        """
        _check_key(key)
        self._put(path, key, path.stat().st_size)
        if not durable:
            # Made by a worker for the pages, which run elsewhere.
            path.unlink()
            return
        with suppress(OSError):
            self.cache.add(key, path)

    def open(self, key: str) -> BinaryIO:
        """Open for reading, a block at a time. Raises FileNotFoundError and StorageUnavailable."""
        _check_key(key)
        copy = self.cache.open(key)
        if copy is not None:
            return copy
        size = self._size_or_why_not(key)
        if size <= SMALL_BYTES and key.startswith("renditions/"):
            with self.on_disk(key) as path:
                return path.open("rb")
        return open_remote(lambda start, end: self._range(key, start, end), size)

    @contextmanager
    def on_disk(self, key: str) -> Iterator[Path]:
        """Give a copy on this machine, fetched when there is none. Raises FileNotFoundError, StorageError."""
        _check_key(key)
        with self.cache.use(key, lambda: self._fetch(key)) as path:
            yield path.absolute()

    def exists(self, key: str) -> bool:
        """Whether something is kept under the key. Raises StorageUnavailable."""
        _check_key(key)
        return self._size(key) is not None

    def delete(self, key: str) -> None:
        """Remove what is kept under the key, if anything. Raises StorageUnavailable."""
        import obstore

        _check_key(key)
        with suppress(FileNotFoundError):
            self._ask(lambda store: obstore.delete(store, key))
        self.cache.drop(key)

    def discard(self, key: str, *, older_than_seconds: float) -> bool:
        """Remove what is kept under the key if it was put up that long ago; False when it is younger.

        An upload tells the database before it keeps its file that it wants the content, so that this is not called
        meanwhile. See `autotag.media.storage.garbage`.
        """
        import obstore

        _check_key(key)
        try:
            found = self._ask(lambda store: obstore.head(store, key))
        except FileNotFoundError:
            self.cache.drop(key)
            return True
        if time.time() - found["last_modified"].timestamp() < older_than_seconds:
            return False
        self.delete(key)
        return True

    def put_back(self) -> int:
        """Nothing is ever set aside here."""
        return 0

    def sweep_incoming(self) -> int:
        """Remove what never ended from the folder of this machine; return how many files went."""
        return self._local.sweep_incoming()

    def replace_all(self, folder: Path) -> None:
        """Put up the folder's files, then remove what else there is. Raises OSError and StorageUnavailable."""
        import obstore

        wanted = set()
        for part in PARTS:
            for path in sorted((folder / part).rglob("*")):
                if path.is_file():
                    key = path.relative_to(folder).as_posix()
                    wanted.add(key)
                    # A restore that is repeated sends only what is not there yet.
                    if self._size(key) != path.stat().st_size:
                        self.keep(path, key)
        found = self._ask(
            lambda store: [kept for part in PARTS for kept in obstore.list(store, part).collect()]
        )
        for kept in found:
            if kept["path"] not in wanted:
                self.delete(kept["path"])

    def contents(self, prefix: str, *, older_than_seconds: float) -> set[str]:
        """Return the hashes with a prefix of two figures of which something was put up that long ago.

        Raises StorageUnavailable.
        """
        import obstore

        limit = time.time() - older_than_seconds
        found = self._ask(
            lambda store: [
                kept for part in PARTS for kept in obstore.list(store, f"{part}/{prefix}").collect()
            ]
        )
        return {
            kept["path"].rpartition("/")[2].partition("-")[0]
            for kept in found
            if kept["last_modified"].timestamp() < limit
        }

    def check(self) -> None:
        """Ask for an object that need not be there, once and briefly. Raises OSError and StorageError."""
        import obstore

        self._local.check()
        with suppress(FileNotFoundError):
            self._told(lambda: obstore.get(self._hasty, "readiness"))

    def free_bytes(self) -> None:
        """There is no such number."""
        return None

    @property
    def place(self) -> str:
        """The bucket and where it is."""
        return f"{self.bucket} at {self.bucket.endpoint}" if self.bucket.endpoint else str(self.bucket)

    @cached_property
    def _store(self) -> "S3Store":
        return _connect(self.bucket, seconds=REQUEST_SECONDS, retries=RETRIES)

    @cached_property
    def _hasty(self) -> "S3Store":
        return _connect(self.bucket, seconds=CHECK_SECONDS, retries=0)

    def _put(self, path: Path, key: str, size: int) -> None:
        import obstore

        try:
            self._ask(
                lambda store: obstore.put(
                    store,
                    key,
                    path,
                    use_multipart=size > PART_BYTES,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
            )
        except FileNotFoundError as error:
            # Whatever the store has not found: it was asked to take something.
            raise StorageUnavailable(NO_ANSWER, _reason(error)) from error

    def _size(self, key: str) -> int | None:
        import obstore

        try:
            return self._ask(lambda store: obstore.head(store, key))["size"]
        except FileNotFoundError:
            return None

    def _size_or_why_not(self, key: str) -> int:
        """Return an object's size. Raises FileNotFoundError, and StorageUnavailable where the whole bucket is gone.

        The answer to a question for the size alone has no words in which the store could tell them apart.
        """
        import obstore

        size = self._size(key)
        if size is not None:
            return size
        found: int = self._ask(lambda store: obstore.get(store, key)).meta["size"]
        return found

    def _range(self, key: str, start: int, end: int) -> memoryview:
        import obstore

        content = memoryview(self._ask(lambda store: obstore.get_range(store, key, start=start, end=end)))
        if len(content) != end - start:
            raise StorageUnavailable(NO_ANSWER, f"{key}: {len(content)} bytes came instead of {end - start}")
        return content

    def _fetch(self, key: str) -> Path:
        """Bring an object into the folder of this machine."""
        size = self._size_or_why_not(key)
        path = self.incoming()
        try:
            with path.open("xb") as file:
                for start in range(0, size, BLOCK_BYTES):
                    file.write(self._range(key, start, min(start + BLOCK_BYTES, size)))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise error if isinstance(error, FileNotFoundError) else not_stored(error) from error
        except StorageUnavailable:
            path.unlink(missing_ok=True)
            raise
        return path

    def _ask(self, call: "Callable[[S3Store], Result]") -> Result:
        return self._told(lambda: call(self._store))

    def _told(self, call: Callable[[], Result]) -> Result:
        """Return what the store answers. Raises FileNotFoundError, and StorageUnavailable for all else."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            return call()
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StorageUnavailable(NO_ANSWER, _reason(error)) from error
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StorageUnavailable(REFUSED, _reason(error)) from error
        except BaseError as error:
            raise StorageUnavailable(NO_ANSWER, _reason(error)) from error


NO_ANSWER = "The file storage does not answer. Nothing was changed; try again in a moment."
REFUSED = "The file storage refuses access. Nothing was changed; tell whoever runs this site."


def _connect(bucket: Bucket, *, seconds: float, retries: int) -> "S3Store":
    from obstore.store import S3Store

    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config={"endpoint": bucket.endpoint} if bucket.endpoint else None,
        client_options={
            "allow_http": (bucket.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, seconds)),
            "timeout": timedelta(seconds=seconds),
        },
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=2),
                "base": 2,
            },
        },
    )


def _check_key(key: str) -> None:
    if key.startswith("/") or not all(part not in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"{key!r} is no storage key")


def _reason(error: Exception) -> str:
    """Return in one line what the store says, or else its client, which goes on for pages."""
    answer = re.search(r"<Code>([^<]+)</Code>\s*<Message>([^<]*)", str(error))
    if answer:
        return f"{answer[1]}: {answer[2]}"
    text = str(error).partition("Debug source:")[0]
    return " ".join(text.split())[:400] or type(error).__name__
