"""Every environment variable, declared once: name, default, meaning. Parsing and documentation read this table."""

import hashlib
import importlib.util
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

PREFIX = "AUTOTAG_"

_BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(/[\w.-]+)*)/?", re.ASCII)


class LogFormat(StrEnum):
    """How a line of the log is written: key=value for people, or one JSON object for programs."""

    CONSOLE = "console"
    JSON = "json"


class ConfigurationError(Exception):
    """The environment holds something that cannot be used; the message names the variable and what to do."""


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser().resolve()


def _host_name(value: str) -> str:
    name = value.lower().rstrip(".")
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label) for label in name.split(".")):
        raise ValueError("is no host name")
    return name


def _count(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 64:
        raise ValueError("must be a whole number from 1 to 64")
    return int(value)


def _proxies(value: str) -> int:
    if not value.isdecimal() or int(value) > 5:
        raise ValueError("must be a whole number from 0 to 5")
    return int(value)


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _hosts(value: str) -> tuple[str, ...]:
    return _list(value.lower())


def _database_url(value: str) -> str:
    if not re.match(r"[a-z0-9]+(\+[a-z0-9]+)?://", value):
        raise ValueError(
            "must be a URL like sqlite:///folder/file or postgresql+psycopg://user@host/database"
        )
    if re.fullmatch(r"sqlite(\+\w+)?://(/?|/:memory:)", value):
        raise ValueError("must name a file: several processes use the database")
    return value


def _redis_url(value: str) -> str:
    if not re.match(r"(redis|rediss|unix)://", value):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


def _storage_url(value: str) -> str:
    if value.startswith("s3://"):
        if not _BUCKET.fullmatch(value) or ".." in value:
            raise ValueError("must be like s3://bucket or s3://bucket/prefix")
        if importlib.util.find_spec("obstore") is None:
            raise ValueError('names a bucket, for which obstore is missing; run: pip install "obstore>=0.8"')
        return value
    if "://" in value and not value.startswith("file:///"):
        raise ValueError("must be a folder, or begin with file:/// or s3://")
    return value


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """One variable: what it is called, what it means, how its text is read.

    `default` is text for the documentation; a variable that is not set takes its value from
    `Config.from_environment`. A secret can also be given as a file, named by `<NAME>_FILE`.
    """

    name: str
    help: str
    default: str
    parse: Callable[[str], Any] = _text
    secret: bool = False


def _log_format(value: str) -> LogFormat:
    if value not in list(LogFormat):
        raise ValueError(f"must be one of: {', '.join(LogFormat)}")
    return LogFormat(value)


ENVIRONMENT = (
    EnvironmentVariable(
        "AUTOTAG_INSTANCE_PATH", "Folder for the database, files, models and broker.", "`instance/`", _path
    ),
    EnvironmentVariable(
        "AUTOTAG_DATABASE_URL",
        "SQLAlchemy URL of the database.",
        "SQLite in the instance folder",
        _database_url,
        secret=True,
    ),
    EnvironmentVariable(
        "AUTOTAG_REDIS_URL", "URL of a Redis or Valkey server.", "an embedded broker", _redis_url, secret=True
    ),
    EnvironmentVariable(
        "AUTOTAG_STORAGE_URL",
        "Folder for uploaded files, or `s3://bucket/prefix`.",
        "`files/` in the instance folder",
        _storage_url,
    ),
    EnvironmentVariable(
        "AUTOTAG_BASE_DOMAIN",
        "Domain of the default instance; the others are its subdomains.",
        "`localhost`",
        _host_name,
    ),
    EnvironmentVariable(
        "AUTOTAG_SECRET_KEY", "Key that signs cookies.", "made once, kept in the instance folder", secret=True
    ),
    EnvironmentVariable(
        "AUTOTAG_SECRET_KEY_FALLBACKS",
        "Earlier secret keys, newest first, separated by commas; what they signed or encrypted is still read.",
        "kept in the instance folder",
        _list,
        secret=True,
    ),
    EnvironmentVariable(
        "AUTOTAG_ADMIN_EMAIL", "Sign-in of the first administrator.", "`admin@<base domain>`"
    ),
    EnvironmentVariable(
        "AUTOTAG_ADMIN_PASSWORD",
        "Password of the first administrator.",
        "generated and printed once",
        secret=True,
    ),
    EnvironmentVariable("AUTOTAG_WORKERS", "How many workers tag images.", "one a processor core", _count),
    EnvironmentVariable(
        "AUTOTAG_GOOGLE_VISION_URL", "Base address of Google Cloud Vision.", "`https://vision.googleapis.com`"
    ),
    EnvironmentVariable(
        "AUTOTAG_LOG_FORMAT",
        "How log lines are written: `console` (key=value) or `json` (an object a line).",
        "`console`",
        _log_format,
    ),
    EnvironmentVariable(
        "AUTOTAG_ALLOWED_PRIVATE_HOSTS",
        "Hosts (`host` or `host:port`, separated by commas) that endpoints and webhooks may use though private.",
        "none",
        _hosts,
    ),
    EnvironmentVariable(
        "AUTOTAG_PROXIES",
        "How many servers pass each request on; so many addresses of `X-Forwarded-For` are believed.",
        "0",
        _proxies,
    ),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where uploaded files lie in object storage. `endpoint` is the address of a service other than AWS's.

    Keys and region are not in here: obstore reads them from the environment's other `AWS_*` variables, because some
    of them (a web identity, a container's role) are renewed while the process runs.
    """

    name: str
    prefix: str = ""
    endpoint: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The installation's settings, read once at start. Nothing else in the product reads the environment."""

    instance_path: Path
    database_url: str
    redis_url: str | None = None
    storage_path: Path
    storage_bucket: Bucket | None = None
    base_domain: str = "localhost"
    secret_key: str
    secret_key_fallbacks: tuple[str, ...] = ()
    admin_email: str
    admin_password: str | None = None
    workers: int = 1
    google_vision_url: str = "https://vision.googleapis.com"
    allowed_private_hosts: tuple[str, ...] = ()
    log_format: LogFormat = LogFormat.CONSOLE
    proxies: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Config":
        """Read the table above from an environment, by default the process's.

        Raises ConfigurationError, with the variable's name, for a value that cannot be used and for an
        unknown name that begins with AUTOTAG_. Makes the instance folder, and the secret key at the first time.
        """
        environment = os.environ if environment is None else environment
        values = _parse(environment)
        instance_path = values.get("instance_path") or default_instance_path()
        instance_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        base_domain = values.get("base_domain") or "localhost"
        return cls(
            instance_path=instance_path,
            database_url=values.get("database_url") or f"sqlite:///{instance_path / 'autotag.sqlite'}",
            redis_url=values.get("redis_url"),
            storage_path=_storage_path(values.get("storage_url"), instance_path),
            storage_bucket=_storage_bucket(values.get("storage_url"), environment),
            base_domain=base_domain,
            secret_key=values.get("secret_key") or stored_secret(instance_path / "secret_key"),
            secret_key_fallbacks=values.get("secret_key_fallbacks") or stored_fallbacks(instance_path),
            admin_email=values.get("admin_email") or f"admin@{base_domain}",
            admin_password=values.get("admin_password"),
            workers=values.get("workers") or usable_cores(),
            google_vision_url=values.get("google_vision_url") or "https://vision.googleapis.com",
            allowed_private_hosts=values.get("allowed_private_hosts") or (),
            log_format=values.get("log_format") or LogFormat.CONSOLE,
            proxies=values.get("proxies") or 0,
        )

    @property
    def broker_url(self) -> str:
        """The broker's URL: the outside server, or the embedded one's socket."""
        return self.redis_url or f"unix://{self.broker_socket_path}"

    @property
    def broker_socket_path(self) -> Path:
        """Where the embedded broker listens: in the instance folder, unless that path is too long for a socket.

        The limit is 108 bytes on Linux and 104 on macOS (sys/un.h); then a private folder beside the system's
        temporary files is used, named by the instance folder.
        """
        path = self.instance_path / "broker.sock"
        if len(os.fsencode(path)) <= 100:
            return path
        name = hashlib.sha256(os.fsencode(self.instance_path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"autotag-{os.getuid()}-{name}" / "broker.sock"

    @property
    def models_path(self) -> Path:
        """The folder of the installed models."""
        return self.instance_path / "models"


def usable_cores() -> int:
    """Return how many processor cores this process may use, where the system tells."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def default_instance_path() -> Path:
    """Return `instance/` of the clone, or `var/autotag-instance` of the environment a wheel is installed in."""
    clone = Path(__file__).resolve().parent.parent
    if (clone / "pyproject.toml").is_file():
        return clone / "instance"
    return Path(sys.prefix) / "var" / "autotag-instance"


def stored_secret(path: Path) -> str:
    """Return the secret kept in a file that only its owner can read, making it at the first time.

    Two processes that start at once agree: whoever links its file first wins, and a file is never half written.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def stored_fallbacks(instance_path: Path) -> tuple[str, ...]:
    """Return the earlier secret keys that a rotation kept in the instance folder, newest first."""
    try:
        return tuple((instance_path / "secret_key_fallbacks").read_text().split())
    except FileNotFoundError:
        return ()


def _parse(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {variable.name: variable for variable in ENVIRONMENT}
    files = {variable.name + "_FILE": variable.name for variable in ENVIRONMENT if variable.secret}
    strangers = [name for name in environment if name.startswith(PREFIX) and name not in known | files]
    if strangers:
        raise ConfigurationError(f"{sorted(strangers)[0]} is not a setting of Autotag; check its spelling.")
    texts = {name: environment[name] for name in known if environment.get(name)}
    for file_name, name in files.items():
        if environment.get(file_name):
            texts[name] = _read_secret_file(file_name, environment[file_name])
    values = {}
    for name, text in texts.items():
        try:
            values[name.removeprefix(PREFIX).lower()] = known[name].parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{name} {error}.") from error
    return values


def _read_secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{name}: {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name}: {path} cannot be read (it is no text).") from error


def _storage_path(url: str | None, instance_path: Path) -> Path:
    """Return the folder of the files, or for a bucket the folder of what is on its way there and back."""
    if url is None or url.startswith("s3://"):
        return instance_path / "files"
    return Path(url.removeprefix("file://")).expanduser().resolve()


def _storage_bucket(url: str | None, environment: Mapping[str, str]) -> Bucket | None:
    found = _BUCKET.fullmatch(url or "")
    if found is None:
        return None
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or None
    if endpoint is not None and not re.match(r"https?://[^/]", endpoint):
        raise ConfigurationError("AWS_ENDPOINT_URL must begin with http:// or https://.")
    return Bucket(found["bucket"], found["prefix"].removeprefix("/"), endpoint)
