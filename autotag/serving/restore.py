"""Restoring a backup: unpacked beside what is there and verified as a whole, before anything is replaced."""

import fcntl
import re
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from autotag.config import Config
from autotag.media.errors import StorageError
from autotag.media.storage.choice import storage_of
from autotag.models import schema
from autotag.models.engine import build_engine, lent_sessions
from autotag.serving.backup import (
    DATABASE,
    FILES,
    KEYS,
    BackupError,
    Manifest,
    Progress,
    file_sha256,
)
from autotag.serving.backup_reading import DAMAGED_ARCHIVE, read_complete, read_manifest
from autotag.serving.private_files import tighten
from autotag.serving.restored_database import prepare_postgresql, prepare_sqlite, run_scripts
from autotag.tagging.pipeline.release_claims import release_all_claims

CHUNK_BYTES = 1 << 20

_SHA256 = re.compile(r"files/originals/[0-9a-f]{2}/[0-9a-f]{2}/([0-9a-f]{64})")
_NAMES = re.compile(
    r"manifest\.json|complete\.json|database|secret_key|secret_key_fallbacks"
    r"|models/[A-Za-z0-9_][\w.-]*/[\w.-]+"
    r"|files/originals/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}"
    r"|files/renditions/[0-9a-f]{2}/[0-9a-f]{64}-(thumbnail|preview)\.jpg"
)


def restore(
    config: Config, source: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Manifest:
    """Bring back the installation that a backup holds; return its manifest. Raises BackupError.

    Nothing may run meanwhile. An installation that is there is replaced only with `overwrite`, and only once
    the whole backup has been unpacked, every file in it has proved to be what its name says, and its database has
    been opened and checked. The sessions and API tokens of the backup are ended.
    """
    with _alone(config.instance_path):
        if not overwrite and _is_there(config):
            raise BackupError("There is an installation here already; add --overwrite to replace it.")
        staging = config.instance_path / f".restore-{secrets.token_hex(4)}"
        staging.mkdir(mode=0o700, parents=True)
        try:
            manifest = _unpack(source, staging, progress or (lambda _done, _total: None))
            _check(config, manifest, staging)
            scripts = _prepare(config, manifest, staging / DATABASE)
            _replace(config, manifest, staging, scripts)
        except StorageError as error:
            reason = f"The uploaded files could not be stored: {error.message} Then restore again."
            raise BackupError(reason) from error
        except OSError as error:
            raise BackupError(f"The backup could not be restored: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        tighten(config, everything=True)
        with lent_sessions(config.database_url) as sessions:
            release_all_claims(sessions)
    return manifest


def _is_there(config: Config) -> bool:
    engine = build_engine(config.database_url)
    try:
        if engine.dialect.name == "sqlite":
            file = Path(make_url(config.database_url).database or "")
            # Whoever merely looks at a database that is not there leaves an empty file.
            return file.exists() and file.stat().st_size > 0
        return inspect(engine).has_table("virtual_instance")
    except SQLAlchemyError as error:
        raise BackupError(f"The database cannot be reached: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()


def _unpack(source: Path, staging: Path, progress: Progress) -> Manifest:
    originals = 0
    try:
        with tarfile.open(source, mode="r:") as archive:
            manifest = read_manifest(archive)
            for member in archive:
                if not _is_ours(member):
                    raise BackupError(f"{source} is no backup of Autotag: it holds {member.name[:200]!r}.")
                if (staging / member.name).exists():
                    raise BackupError(f"The backup is damaged: it holds {member.name} twice.")
                _extract(archive, member, staging / member.name)
                found = _SHA256.fullmatch(member.name)
                if found:
                    if file_sha256(staging / member.name) != found[1]:
                        raise BackupError(f"The backup is damaged: {member.name} is not what it was.")
                    originals += 1
                    progress(originals, manifest.originals)
    except DAMAGED_ARCHIVE as error:
        raise BackupError(f"{source} cannot be read as a backup: {error}.") from error
    if read_complete(staging) != originals:
        raise BackupError("The backup is damaged: it does not hold as many files as it says.")
    return manifest


def _is_ours(member: tarfile.TarInfo) -> bool:
    """Whether a backup holds such a member: a file of a known name, and whole: a sparse one can claim any size."""
    is_file = member.isreg() and not member.issparse()
    return is_file and _NAMES.fullmatch(member.name) is not None and ".." not in member.name


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise BackupError(f"The backup is damaged: {member.name} cannot be read.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file, CHUNK_BYTES)


def _check(config: Config, manifest: Manifest, staging: Path) -> None:
    database = staging / DATABASE
    if not database.is_file() or file_sha256(database) != manifest.database_sha256:
        raise BackupError("The backup is damaged: its database is not what it was.")
    kind = make_url(config.database_url).get_backend_name()
    if manifest.database != kind:
        raise BackupError(f"The backup is of {manifest.database}, but AUTOTAG_DATABASE_URL names {kind}.")
    if not schema.is_known(manifest.revision):
        raise BackupError(
            f"The backup was made by Autotag {manifest.version}, which is newer than this one; update first."
        )
    _check_key(staging)


def _check_key(staging: Path) -> None:
    """Make sure that the keys can be read: an installation without them would not start."""
    try:
        key = (staging / KEYS[0]).read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        key = ""
    if not key:
        raise BackupError("The backup is damaged: it holds no secret key.")


def _prepare(config: Config, manifest: Manifest, database: Path) -> list[Path]:
    """Check the database and end its sign-ins; return what puts it in place, for PostgreSQL."""
    if manifest.database == "postgresql":
        return prepare_postgresql(database, manifest, config.database_url)
    prepare_sqlite(database, manifest)
    return []


def _replace(config: Config, manifest: Manifest, staging: Path, scripts: list[Path]) -> None:
    """Put the new in place of the old, the database last: until it is there, the old one is whole or gone."""
    # What the broker has kept belongs to the installation that was.
    shutil.rmtree(config.instance_path / "broker", ignore_errors=True)
    if config.models_path.is_dir():
        shutil.rmtree(config.models_path)
    if (staging / "models").is_dir():
        shutil.move(staging / "models", config.models_path)
    storage_of(config).replace_all(staging / FILES)
    for name in KEYS:
        (config.instance_path / name).unlink(missing_ok=True)
        if (staging / name).is_file():
            (staging / name).chmod(0o600)
            shutil.move(staging / name, config.instance_path / name)
    if manifest.database == "postgresql":
        run_scripts(config.database_url, scripts, "--single-transaction")
        return
    place = Path(make_url(config.database_url).database or "")
    for suffix in ("", "-wal", "-shm"):
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staging / DATABASE, place)


@contextmanager
def _alone(instance_path: Path) -> Iterator[None]:
    instance_path.mkdir(parents=True, exist_ok=True)
    with (instance_path / ".up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(f"Autotag is running in {instance_path}; stop it first.") from error
        yield
