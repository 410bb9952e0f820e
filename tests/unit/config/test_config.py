import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autotag.config import (
    ENVIRONMENT,
    Bucket,
    Config,
    ConfigurationError,
    EnvironmentVariable,
    default_instance_path,
    stored_secret,
)


def read(tmp_path: Path, **values: str) -> Config:
    """Read a configuration from an environment that holds only these values and an instance folder."""
    return Config.from_environment({"AUTOTAG_INSTANCE_PATH": str(tmp_path), **values})


def test_an_empty_environment_gives_the_documented_defaults(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path}/autotag.sqlite"
    assert config.redis_url is None
    assert config.storage_path == tmp_path / "files"
    assert config.models_path == tmp_path / "models"
    assert config.base_domain == "localhost"
    assert config.admin_email == "admin@localhost"
    assert config.admin_password is None
    assert config.workers >= 1
    assert config.google_vision_url == "https://vision.googleapis.com"
    assert config.allowed_private_hosts == ()
    assert config.proxies == 0


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("AUTOTAG_DATABASE_URL", "postgresql+psycopg://h/d", "database_url", "postgresql+psycopg://h/d"),
        ("AUTOTAG_REDIS_URL", "redis://broker:6379/1", "redis_url", "redis://broker:6379/1"),
        ("AUTOTAG_REDIS_URL", "rediss://broker", "broker_url", "rediss://broker"),
        ("AUTOTAG_STORAGE_URL", "/srv/files", "storage_path", Path("/srv/files")),
        ("AUTOTAG_STORAGE_URL", "file:///srv/files", "storage_path", Path("/srv/files")),
        ("AUTOTAG_BASE_DOMAIN", "Tags.Example.TEST.", "base_domain", "tags.example.test"),
        ("AUTOTAG_BASE_DOMAIN", "example.test", "admin_email", "admin@example.test"),
        ("AUTOTAG_SECRET_KEY", "mine", "secret_key", "mine"),
        ("AUTOTAG_SECRET_KEY_FALLBACKS", "old, older", "secret_key_fallbacks", ("old", "older")),
        ("AUTOTAG_ADMIN_EMAIL", "boss@example.test", "admin_email", "boss@example.test"),
        ("AUTOTAG_ADMIN_PASSWORD", "long enough", "admin_password", "long enough"),
        ("AUTOTAG_WORKERS", "3", "workers", 3),
        ("AUTOTAG_GOOGLE_VISION_URL", "http://stub:9", "google_vision_url", "http://stub:9"),
        ("AUTOTAG_ALLOWED_PRIVATE_HOSTS", " A:1, b ,,", "allowed_private_hosts", ("a:1", "b")),
        ("AUTOTAG_LOG_FORMAT", "json", "log_format", "json"),
        ("AUTOTAG_PROXIES", "2", "proxies", 2),
    ],
)
def test_a_variable_sets_its_field(tmp_path: Path, name: str, text: str, field: str, value: object) -> None:
    assert getattr(read(tmp_path, **{name: text}), field) == value


def test_every_variable_is_covered_by_the_table_above_and_has_help() -> None:
    marks = test_a_variable_sets_its_field.pytestmark
    tried = {row[0] for row in marks[0].args[1]}
    assert {variable.name for variable in ENVIRONMENT} - tried == {"AUTOTAG_INSTANCE_PATH"}
    assert all(variable.help.endswith(".") and variable.default for variable in ENVIRONMENT)


def test_an_empty_value_counts_as_not_set(tmp_path: Path) -> None:
    assert read(tmp_path, AUTOTAG_BASE_DOMAIN="").base_domain == "localhost"


def test_an_unknown_name_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="AUTOTAG_BASE_DOMIAN is not a setting"):
        read(tmp_path, AUTOTAG_BASE_DOMIAN="example.test")


def test_a_file_variant_exists_for_secrets_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="AUTOTAG_WORKERS_FILE"):
        read(tmp_path, AUTOTAG_WORKERS_FILE="/dev/null")


@pytest.mark.parametrize("variable", [one for one in ENVIRONMENT if one.secret], ids=lambda one: one.name)
def test_a_secret_can_be_read_from_a_file(tmp_path: Path, variable: EnvironmentVariable) -> None:
    file = tmp_path / "given"
    file.write_text("redis://from-a-file\n")
    config = read(tmp_path, **{f"{variable.name}_FILE": str(file)})
    found = getattr(config, variable.name.removeprefix("AUTOTAG_").lower())
    assert found in ("redis://from-a-file", ("redis://from-a-file",))


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"], ids=["missing", "no text"])
def test_a_secret_file_that_cannot_be_read_is_told_by_its_variable(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "given"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"AUTOTAG_SECRET_KEY_FILE: .*given cannot be read"):
        read(tmp_path, AUTOTAG_SECRET_KEY_FILE=str(file))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AUTOTAG_WORKERS", "0"),
        ("AUTOTAG_WORKERS", "65"),
        ("AUTOTAG_WORKERS", "-1"),
        ("AUTOTAG_WORKERS", "two"),
        ("AUTOTAG_LOG_FORMAT", "xml"),
        ("AUTOTAG_PROXIES", "6"),
        ("AUTOTAG_PROXIES", "yes"),
        ("AUTOTAG_REDIS_URL", "broker:6379"),
        ("AUTOTAG_STORAGE_URL", "s3://"),
        ("AUTOTAG_STORAGE_URL", "s3://Bucket"),
        ("AUTOTAG_STORAGE_URL", "s3://bucket/../other"),
        ("AUTOTAG_STORAGE_URL", "s3://bucket/a b"),
        ("AUTOTAG_STORAGE_URL", "s3://bucket?region=here"),
        ("AUTOTAG_STORAGE_URL", "gs://bucket"),
        ("AUTOTAG_DATABASE_URL", "autotag.sqlite"),
        ("AUTOTAG_DATABASE_URL", "sqlite://"),
        ("AUTOTAG_DATABASE_URL", "sqlite:///:memory:"),
        ("AUTOTAG_BASE_DOMAIN", "not a name"),
        ("AUTOTAG_BASE_DOMAIN", "example..test"),
        ("AUTOTAG_BASE_DOMAIN", "example.test:8000"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_variable(
    tmp_path: Path, name: str, text: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} "):
        read(tmp_path, **{name: text})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://my.files", Bucket("my.files")),
        ("s3://files/", Bucket("files")),
        ("s3://files/team/one", Bucket("files", "team/one")),
    ],
)
def test_files_can_lie_in_a_bucket(tmp_path: Path, text: str, expected: Bucket) -> None:
    config = read(tmp_path, AUTOTAG_STORAGE_URL=text)
    assert config.storage_bucket == expected
    assert config.storage_path == tmp_path / "files"
    assert str(config.storage_bucket) == text.rstrip("/")
    assert read(tmp_path, AUTOTAG_STORAGE_URL="/srv/files").storage_bucket is None


def test_a_service_other_than_that_of_aws_has_an_endpoint(tmp_path: Path) -> None:
    other = {"AUTOTAG_STORAGE_URL": "s3://files", "AWS_ENDPOINT_URL": "http://minio:9000"}
    assert read(tmp_path, **other).storage_bucket == Bucket("files", "", "http://minio:9000")
    with pytest.raises(ConfigurationError, match=r"^AWS_ENDPOINT_URL must"):
        read(tmp_path, **other | {"AWS_ENDPOINT_URL": "minio:9000"})


def test_a_bucket_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r'^AUTOTAG_STORAGE_URL .*pip install "obstore>=0.8"'):
        read(tmp_path, AUTOTAG_STORAGE_URL="s3://files")


def test_the_instance_folder_is_made(tmp_path: Path) -> None:
    assert read(tmp_path / "deep" / "down").instance_path.is_dir()


def test_the_instance_folder_of_a_clone_lies_beside_the_package() -> None:
    assert (default_instance_path().parent / "pyproject.toml").is_file()


def test_the_secret_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = read(tmp_path).secret_key
    assert len(first) >= 64
    assert read(tmp_path).secret_key == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "secret_key"]


def test_a_process_that_comes_second_takes_the_secret_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret_key"

    def lose_the_race(descriptor: int) -> None:
        monkeypatch.undo()
        path.write_text("the winner's")

    monkeypatch.setattr(os, "fsync", lose_the_race)
    assert stored_secret(path) == "the winner's"
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from autotag.config import stored_secret; print('up', flush=True); "
        "sys.stdin.readline(); print(stored_secret(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "secret_key")]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    told = {process.communicate("go\n")[0].strip() for process in processes}
    assert told == {(tmp_path / "secret_key").read_text()}


def test_the_broker_socket_lies_in_the_instance_folder(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.broker_socket_path == tmp_path / "broker.sock"
    assert config.broker_url == f"unix://{tmp_path}/broker.sock"


def test_the_broker_socket_of_a_deep_folder_gets_a_short_path_of_its_own(tmp_path: Path) -> None:
    paths = [read(tmp_path / ("d" * 120) / name).broker_socket_path for name in ("a", "b")]
    assert all(len(os.fsencode(path)) <= 100 for path in paths)
    assert all(path.is_relative_to(tempfile.gettempdir()) for path in paths)
    assert paths[0] != paths[1]
    assert not any(path.parent.exists() for path in paths)


def test_a_path_that_is_too_long_in_bytes_counts_as_too_long(tmp_path: Path) -> None:
    folder = tmp_path / ("\u00e9" * 40)
    assert len(str(folder / "broker.sock")) < len(os.fsencode(folder / "broker.sock"))
    assert len(os.fsencode(read(folder).broker_socket_path)) <= 100


def test_earlier_secret_keys_are_found_in_the_instance_folder(tmp_path: Path) -> None:
    assert read(tmp_path).secret_key_fallbacks == ()
    (tmp_path / "secret_key_fallbacks").write_text("newer\nolder\n")
    assert read(tmp_path).secret_key_fallbacks == ("newer", "older")
