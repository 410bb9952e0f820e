import hashlib
import io
import json
import secrets
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.instances.tokens import create_token
from autotag.models import User
from autotag.models.engine import sqlite_module
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.backup import BackupError, back_up
from autotag.serving.restore import _unpack, restore
from tests.support.postgresql import database_elsewhere
from tests.unit.conftest import Factory


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "models/../../evil", "files/originals/evil", "evil"]
)
def test_only_what_a_backup_holds_is_unpacked(name: str, config: Config, tmp_path: Path) -> None:
    back_up(config, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        archive.add(__file__, name)
    (tmp_path / "there").mkdir()
    with pytest.raises(BackupError, match="no backup of Autotag"):
        restore(config, tmp_path / "backup.tar", overwrite=True)
    assert not list(tmp_path.rglob("evil"))


def test_a_link_in_a_backup_is_refused(config: Config, tmp_path: Path) -> None:
    back_up(config, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        link = tarfile.TarInfo("models/toy/model.tflite")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(BackupError, match="no backup of Autotag"):
        restore(config, tmp_path / "backup.tar", overwrite=True)


def test_an_empty_file_where_the_database_would_be_is_no_installation(config: Config, tmp_path: Path) -> None:
    """Doctor, or another program that merely looked, has left it."""
    (tmp_path / "empty.sqlite").touch()
    (tmp_path / "backup.tar").write_bytes(b"no backup")
    elsewhere = replace(config, database_url=f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with pytest.raises(BackupError) as caught:
        restore(elsewhere, tmp_path / "backup.tar")
    assert "already" not in str(caught.value)
    with pytest.raises(BackupError, match="There is an installation here already"):
        restore(config, tmp_path / "backup.tar")


def members(backup: Path) -> dict[str, bytes]:
    with tarfile.open(backup) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def write(backup: Path, contents: dict[str, bytes]) -> None:
    with tarfile.open(backup, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def everything(config: Config) -> dict[str, str]:
    """What lies in an installation, without what each start writes."""
    return {
        str(path.relative_to(config.instance_path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in config.instance_path.rglob("*")
        if path.is_file() and path.name not in (".up.lock", "backup.tar") and "-shm" not in path.name
    }


@pytest.fixture
def backup(config: Config, tmp_path: Path, make: Factory) -> Path:
    """A backup of an installation with one person."""
    make.user(make.instance("acme"))
    (config.instance_path / "secret_key").write_text("a key")
    back_up(config, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


@pytest.fixture
def refused(config: Config, backup: Path) -> Callable[[str], None]:
    """Restores over what is there, which has to be refused with one line, changing nothing."""

    def refused(reason: str) -> None:
        before = everything(config)
        with pytest.raises(BackupError, match=reason) as caught:
            restore(config, backup, overwrite=True)
        assert "\n" not in str(caught.value)
        assert everything(config) == before

    return refused


def test_who_was_signed_in_when_the_backup_was_made_is_not_after_it_is_restored(
    config: Config, tmp_path: Path, make: Factory, sessions: sessionmaker[Session]
) -> None:
    ann = make.user(make.instance("acme"))
    cookie = make.token(ann)
    with sessions() as session, unit_of_work(session) as work:
        _, token = create_token(work, work.session.get_one(User, ann.id), name="script", actor="ann")
    back_up(config, tmp_path / "backup.tar")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    url = database_elsewhere(config.database_url, folder)
    there = replace(config, instance_path=folder, storage_path=folder / "files", database_url=url)
    restore(there, tmp_path / "backup.tar")
    engine = create_engine(url)
    with engine.connect() as connection:
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("user_account", "user_session", "api_token")
        ]
    engine.dispose()
    assert counts == [1, 0, 0]
    if url.startswith("sqlite"):
        content = (folder / "autotag.sqlite").read_bytes()
        for secret in (cookie, token):
            assert hashlib.sha256(secret.encode()).hexdigest().encode() not in content


def _no_tables(path: Path) -> None:
    sqlite3.connect(path).execute("VACUUM")


def _other_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")


def _another_version(path: Path) -> None:
    with sqlite_module().connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")


def _two_versions(path: Path) -> None:
    with sqlite_module().connect(str(path)) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")


def _noise(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)


def _holes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(8192, len(content) - 4096, 16384):
        content[place : place + 4096] = b"\xaa" * 4096
    path.write_bytes(content)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b""), "not one of Autotag"),
        (_no_tables, "not one of Autotag"),
        (_other_tables, "not one of Autotag"),
        (_another_version, "not of the version that the backup names"),
        (_two_versions, "not of the version that the backup names"),
        (_noise, "The database in the backup"),
        (_holes, "The database in the backup"),
    ],
)
def test_a_database_that_is_none_of_ours_replaces_nothing(
    backup: Path,
    refused: Callable[[str], None],
    tmp_path: Path,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    contents, path = members(backup), tmp_path / "damaged"
    if damage not in (_no_tables, _other_tables):
        path.write_bytes(contents["database"])
    damage(path)
    database = path.read_bytes()
    path.unlink()
    said = json.loads(contents["manifest.json"]) | {"database_sha256": hashlib.sha256(database).hexdigest()}
    write(backup, contents | {"manifest.json": json.dumps(said).encode(), "database": database})
    refused(reason)


def test_a_database_of_another_version_than_the_manifest_says_replaces_nothing(
    backup: Path, refused: Callable[[str], None], sessions: sessionmaker[Session], make: Factory
) -> None:
    """With PostgreSQL, too, where the database is tried in a transaction that is rolled back."""
    make.user(make.instance("later"))
    contents = members(backup)
    said = json.loads(contents["manifest.json"]) | {"revision": "0001"}
    write(backup, contents | {"manifest.json": json.dumps(said).encode()})
    refused("not of the version that the backup names")
    with sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM user_account")) == 2


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"null",
        b"7",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b" " * (2 << 20),
        {"originals": "2"},
        {"originals": -1},
        {"originals": True},
        {"originals": None},
        {"version": 7},
        {"database": ["sqlite"]},
        {"revision": {}},
        {"database_sha256": None},
        {"another": "field"},
    ],
    ids=lambda manifest: str(manifest[:20] if isinstance(manifest, bytes) else manifest),
)
def test_a_manifest_that_is_damaged_is_one_clear_line(
    backup: Path, refused: Callable[[str], None], manifest: bytes | dict[str, Any]
) -> None:
    contents = members(backup)
    if isinstance(manifest, dict):
        manifest = json.dumps(json.loads(contents["manifest.json"]) | manifest).encode()
    write(backup, contents | {"manifest.json": manifest})
    refused("The manifest of this backup cannot be read")


@pytest.mark.parametrize(
    "complete", [b"", b"no JSON", b"[]", b"{}", b'{"originals": "0"}', b'{"originals": null}', b"[" * 100_000]
)
def test_an_end_that_is_damaged_is_one_clear_line(
    backup: Path, refused: Callable[[str], None], complete: bytes
) -> None:
    write(backup, members(backup) | {"complete.json": complete})
    refused("what stands at its end cannot be read")


@pytest.mark.parametrize("key", [b"", b" \n", b"\xff\xff"])
def test_without_a_key_nothing_is_replaced(backup: Path, refused: Callable[[str], None], key: bytes) -> None:
    write(backup, members(backup) | {"secret_key": key})
    refused("it holds no secret key")


def test_a_member_that_claims_to_be_larger_than_it_is_is_refused(
    backup: Path, refused: Callable[[str], None]
) -> None:
    name = "models/toy/model.tflite"
    with tarfile.open(backup, "a", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": name,
            "GNU.sparse.realsize": str(1 << 50),
        }
        entry.size = 512
        archive.addfile(entry, io.BytesIO(b"0\n".ljust(512, b"\0")))
    refused(f"it holds '{name}'")


def test_a_member_that_comes_twice_is_refused(backup: Path, refused: Callable[[str], None]) -> None:
    with tarfile.open(backup, "a") as archive:
        archive.addfile(tarfile.TarInfo("secret_key"))
    refused("it holds secret_key twice")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.data())
def test_whatever_chance_makes_of_a_backup_is_unpacked_or_refused(
    backup: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(backup.read_bytes())
    # Headers begin each 512 bytes; those at the beginning and the end say most.
    places = st.one_of(
        st.integers(0, 4096),
        st.integers(len(content) - 16_384, len(content) - 1),
        st.integers(0, len(content) - 1),
    )
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    damaged, staging = tmp_path / "damaged.tar", tmp_path / secrets.token_hex(8)
    damaged.write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    staging.mkdir()
    with suppress(BackupError):
        _unpack(damaged, staging, lambda _done, _total: None)
