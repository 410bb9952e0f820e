"""Trying every dependency of an installation for real, with advice for whoever has to mend it."""

import secrets
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.configuration.stored_secrets import unreadable_secrets
from autotag.inference.errors import InferenceError
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import DEFAULT_MODEL
from autotag.inference.process.process import ImageRequest, InferenceProcess
from autotag.media.errors import StorageError, StorageUnavailable
from autotag.media.storage.choice import storage_of
from autotag.media.storage.storage import Storage
from autotag.models import TaggingState, schema
from autotag.models.engine import lent_sessions, sqlite_is_safe, sqlite_module
from autotag.operations.open_documents import OPEN_STATES, groups
from autotag.operations.process_status import look_at_crew
from autotag.tagging.provider_health.process_breaker import process_health
from autotag.tagging.queueing.queue import TaggingQueue, connect
from autotag.webhooks.registry import unreadable_webhooks

LITTLE_SPACE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency: whether it works, what was seen, and what to do when it does not."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def examine(config: Config) -> list[Check]:
    """Try database, broker, storage and model; each is tried whatever became of the others."""
    return [check(config) for check in CHECKS]


def _database(config: Config) -> Check:
    try:
        with lent_sessions(config.database_url) as sessions:
            engine: Engine = sessions.kw["bind"]
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                sound = (
                    engine.dialect.name != "sqlite" or connection.scalar(text("PRAGMA quick_check")) == "ok"
                )
            current = schema.is_current(engine)
    except ModuleNotFoundError as error:
        advice = "Install the database's driver, for PostgreSQL: pip install autotag[postgresql]"
        return Check("database", False, _short(error), f"{advice}, or check AUTOTAG_DATABASE_URL.")
    except SQLAlchemyError as error:
        return Check("database", False, _short(error), "Check AUTOTAG_DATABASE_URL and that the server runs.")
    if not sound:
        return Check("database", False, "SQLite reports damage.", "Restore the last backup.")
    if not current:
        return Check("database", False, "The tables are not those of this version.", "Run: autotag init")
    return _sqlite() if engine.dialect.name == "sqlite" else _postgresql(engine)


def _postgresql(engine: Engine) -> Check:
    # The dialect has it from its first connection.
    version = ".".join(str(part) for part in engine.dialect.server_version_info or ())
    return Check("database", True, f"PostgreSQL {version}")


def _sqlite() -> Check:
    version = sqlite_module().sqlite_version
    if not sqlite_is_safe():
        return Check("database", False, f"SQLite {version} can corrupt its file.", "Install pysqlite3.")
    return Check("database", True, f"SQLite {version}, sound")


def _broker(config: Config) -> Check:
    try:
        waiting = TaggingQueue(connect(config.broker_url)).waiting()
    except RedisError as error:
        advice = "Check AUTOTAG_REDIS_URL." if config.redis_url else "It runs with: autotag up"
        return Check("broker", False, _short(error), advice)
    return Check(
        "broker", True, f"{'outside server' if config.redis_url else 'embedded'}, {waiting} jobs waiting"
    )


def _storage(config: Config) -> Check:
    storage = storage_of(config)
    try:
        found = _kept_and_read(storage, b"autotag")
        free = storage.free_bytes()
    except StorageUnavailable as error:
        advice = (
            "Check AUTOTAG_STORAGE_URL, AWS_ENDPOINT_URL and the AWS_* keys, and that the bucket is there."
        )
        return Check("storage", False, error.reason, advice)
    except (OSError, StorageError) as error:
        return Check("storage", False, _short(error), f"Make {config.storage_path} writable.")
    if found != b"autotag":
        return Check("storage", False, "What is read is not what was stored.", "Look at the storage itself.")
    if free is None:
        return Check("storage", True, storage.place)
    detail = f"{storage.place}, {free / 1e9:.1f} GB free"
    if free < LITTLE_SPACE_BYTES:
        return Check("storage", False, detail, "Make space: uploads will be refused soon.")
    return Check("storage", True, detail)


def _kept_and_read(storage: Storage, content: bytes) -> bytes:
    """Keep a content, read it and remove it again."""
    key = f"doctor-{secrets.token_hex(8)}"
    path = storage.incoming()
    try:
        path.write_bytes(content)
        storage.keep(path, key, durable=False)
    finally:
        path.unlink(missing_ok=True)
    with storage.open(key) as file:
        found = file.read()
    storage.delete(key)
    return found


def _model(config: Config) -> Check:
    store = ModelStore(config.models_path)
    try:
        with tempfile.TemporaryDirectory() as folder, InferenceProcess() as process:
            picture = Path(folder) / "picture.png"
            picture.write_bytes(_small_picture())
            result = process.process(ImageRequest(path=picture, model=store.path(DEFAULT_MODEL)))
    except InferenceError as error:
        return Check("model", False, _short(error), "Run: autotag init")
    return Check("model", True, f"{DEFAULT_MODEL} ran on {result.runtime}")


def _process(config: Config) -> Check:
    try:
        with lent_sessions(config.database_url) as sessions, sessions() as session:
            health = process_health(session)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        return Check("tensorflow", False, _short(error), "See the database above.")
    counted = f"{health.crashes} of {health.maximum} crashes in {health.interval_seconds} s"
    if health.disabled_at is None:
        return Check("tensorflow", True, f"process enabled, {counted}")
    advice = "Enable it again in System Settings, TensorFlow Image Auto Tagging Process."
    return Check(
        "tensorflow", False, f"process disabled after too many crashes: {health.last_reason}", advice
    )


def _workers(config: Config) -> Check:
    crew = look_at_crew(TaggingQueue(connect(config.broker_url)))
    if not crew.is_reachable:
        return Check("workers", False, "not known while the broker is away", "See the broker above.")
    detail = f"{len(crew.workers)} alive, {len(crew.schedulers)} scheduler alive"
    if not crew.workers:
        return Check("workers", False, detail, "Start them with: autotag up, or: autotag worker")
    if not crew.schedulers:
        return Check("workers", False, detail, "Start it with: autotag up, or: autotag scheduler")
    return Check("workers", True, detail)


def _documents(config: Config) -> Check:
    """Say what the operations page says; failed documents are no fault of the installation."""
    try:
        with lent_sessions(config.database_url) as sessions, sessions() as session:
            found = groups(session, None)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        return Check("documents", False, _short(error), "See the database above.")
    counts = {state: sum(group.count for group in found if group.state is state) for state in OPEN_STATES}
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    advice = "See the reasons in the Control Panel, Operations." if counts[TaggingState.QUARANTINED] else ""
    return Check("documents", True, told, advice)


def _secrets(config: Config) -> Check:
    """Look whether every stored key can be decrypted: what needs one that cannot stands still."""
    box = secret_box(config)
    try:
        with lent_sessions(config.database_url) as sessions, sessions() as session:
            unreadable = unreadable_secrets(session, box) + unreadable_webhooks(session, box)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        return Check("secrets", False, _short(error), "See the database above.")
    if not unreadable:
        return Check("secrets", True, "every stored key can be read")
    advice = "Enter them again, or give the earlier secret key as AUTOTAG_SECRET_KEY_FALLBACKS."
    return Check("secrets", False, f"cannot be read: {'; '.join(unreadable)}", advice)


CHECKS: tuple[Callable[[Config], Check], ...] = (
    _database,
    _broker,
    _storage,
    _model,
    _process,
    _workers,
    _documents,
    _secrets,
)


def _short(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _small_picture(side: int = 64) -> bytes:
    """Return a grey PNG, written here so that this process needs no image library."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = side.to_bytes(4) + side.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    rows = (b"\0" + b"\x80" * side) * side
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
