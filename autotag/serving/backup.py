"""A backup: one file with the database, every uploaded file, the models and the keys, taken while all goes on.

The database is copied at one moment; files are named by their content and never change, so those that the copy
names can be read afterwards. A tar archive holds it all: `manifest.json` first, `complete.json` last, so that one
that broke off is known for what it is. It holds the keys and is as secret as the installation itself.
"""

import hashlib
import io
import json
import os
import secrets
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, make_url, select, union

from autotag import __version__
from autotag.config import Config
from autotag.media.errors import StorageError
from autotag.media.storage.choice import storage_of
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import Storage, original_key
from autotag.models import Document, DocumentVersion, schema
from autotag.models.base import utc_now
from autotag.models.engine import build_engine, sqlite_module

MANIFEST = "manifest.json"
COMPLETE = "complete.json"
DATABASE = "database"
FILES = "files/"
MODELS = "models/"
KEYS = ("secret_key", "secret_key_fallbacks")
Progress = Callable[[int, int], None]


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `database` is `sqlite` or `postgresql`, `revision` that of its tables."""

    version: str
    created_at: str
    database: str
    revision: str | None
    database_sha256: str
    originals: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a backup: how many uploaded files it holds, its size in bytes, and hashes without a file."""

    originals: int
    size: int
    missing: tuple[str, ...]


def back_up(
    config: Config, target: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Summary:
    """Write a backup to `target`, which appears when it is complete. Raises BackupError.

    An earlier file of that name is replaced only with `overwrite`.
    """
    if target.exists() and not overwrite:
        raise BackupError(f"{target} is there already; choose another name, or add --overwrite.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        missing, originals = _write(config, draft, progress or (lambda _done, _total: None))
        draft.replace(target)
        _sync(target.parent)
    except StorageError as error:
        raise BackupError(
            f"The uploaded files cannot be read, so no backup was made: {error.message}"
        ) from error
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return Summary(originals, target.stat().st_size, tuple(missing))


def _write(config: Config, draft: Path, progress: Progress) -> tuple[list[str], int]:
    storage = storage_of(config)
    with (
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        tempfile.TemporaryDirectory(dir=draft.parent, prefix=".autotag-backup-") as folder,
    ):
        copy = Path(folder) / DATABASE
        hashes, manifest = _copy_database(config, copy)
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            _add_text(archive, MANIFEST, json.dumps(asdict(manifest), indent=2))
            archive.add(copy, DATABASE)
            copy.unlink()
            _add_keys(archive, config)
            _add_models(archive, config.models_path)
            missing = _add_files(archive, storage, hashes, progress)
            written = len(hashes) - len(missing)
            _add_text(archive, COMPLETE, json.dumps({"originals": written, "missing": missing}))
        file.flush()
        os.fsync(file.fileno())
    return missing, written


def _copy_database(config: Config, copy: Path) -> tuple[list[str], Manifest]:
    engine = build_engine(config.database_url)
    try:
        if engine.dialect.name == "sqlite":
            _copy_sqlite(engine, copy)
            with _opened(f"sqlite:///{copy}") as connection:
                hashes, revision = _contents(connection)
        else:
            hashes, revision = _dump_postgresql(engine, config.database_url, copy)
    finally:
        engine.dispose()
    manifest = Manifest(
        version=__version__,
        created_at=utc_now().isoformat(timespec="seconds"),
        database=engine.dialect.name,
        revision=revision,
        database_sha256=file_sha256(copy),
        originals=len(hashes),
    )
    return hashes, manifest


def _copy_sqlite(engine: Engine, copy: Path) -> None:
    """Copy with SQLite's online backup, then leave a file of its own, without a log beside it.

    It is copied in one step: a backup in several begins anew whenever somebody writes in between, and would
    never end while uploads come in. Writers are not held up: with a write-ahead log, readers never do that.
    """
    target = sqlite_module().connect(str(copy))
    try:
        with engine.connect() as connection:
            source = connection.connection.driver_connection
            assert source is not None  # noqa: S101 - for the type checker: the connection is open
            source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
        found = target.execute("PRAGMA quick_check").fetchone()
    finally:
        target.close()
    if found != ("ok",):
        raise BackupError(f"The database is damaged, so no backup was made: {found}.")


def _dump_postgresql(engine: Engine, url: str, copy: Path) -> tuple[list[str], str | None]:
    """Dump one snapshot, and read from the same one which files belong to it."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        run_tool(
            "pg_dump",
            "--format=custom",
            f"--snapshot={snapshot}",
            f"--file={copy}",
            "--no-owner",
            plain_url(url),
        )
        return _contents(connection)


def run_tool(*command: str) -> None:
    """Run one of PostgreSQL's programs. Raises BackupError when it is absent or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BackupError(f"{command[0]} is not installed; it comes with PostgreSQL's client.") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackupError(f"{command[0]} failed: {reason}")


def plain_url(url: str) -> str:
    """Return a SQLAlchemy URL as PostgreSQL's own programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _contents(connection: Connection) -> tuple[list[str], str | None]:
    named = union(select(DocumentVersion.sha256), select(Document.sha256))
    hashes = sorted(connection.execute(named).scalars())
    return hashes, schema.revision_of(connection)


def _add_keys(archive: tarfile.TarFile, config: Config) -> None:
    # The key in force, wherever it comes from: without it the stored secrets could not be read.
    _add_text(archive, KEYS[0], config.secret_key)
    if config.secret_key_fallbacks:
        _add_text(archive, KEYS[1], "\n".join(config.secret_key_fallbacks))


def _add_models(archive: tarfile.TarFile, folder: Path) -> None:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            archive.add(path, MODELS + name.as_posix(), recursive=False)


def _add_files(
    archive: tarfile.TarFile, storage: Storage, hashes: list[str], progress: Progress
) -> list[str]:
    missing = []
    for number, sha256 in enumerate(hashes, start=1):
        if not _add_file(archive, storage, original_key(sha256)):
            missing.append(sha256)
        for key in (thumbnail_key(sha256), preview_key(sha256)):
            _add_file(archive, storage, key)
        progress(number, len(hashes))
    return missing


def _add_file(archive: tarfile.TarFile, storage: Storage, key: str) -> bool:
    """Add what is kept under a key; False when there is nothing."""
    try:
        file = storage.open(key)
    except FileNotFoundError:
        return False
    with file:
        entry = tarfile.TarInfo(FILES + key)
        entry.size = file.seek(0, os.SEEK_END)
        entry.mode = 0o600
        entry.mtime = int(utc_now().timestamp())
        file.seek(0)
        archive.addfile(entry, file)
    return True


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o600
    entry.mtime = int(utc_now().timestamp())
    archive.addfile(entry, io.BytesIO(content))


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    engine = build_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
