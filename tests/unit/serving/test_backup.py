import json
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.inference.installing.store import ModelStore
from autotag.media.storage.renditions import thumbnail_key
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import Document, TaggingState
from autotag.models.unit_of_work import unit_of_work
from autotag.serving.backup import BackupError, back_up, plain_url, run_tool
from autotag.serving.restore import restore
from tests.support.postgresql import database_elsewhere
from tests.unit.conftest import Factory


@pytest.fixture
def filled(
    make: Factory,
    keep: Callable[[bytes], str],
    storage: FolderStorage,
    models: ModelStore,
    config: Config,
) -> list[str]:
    """Two documents of one instance and one of another that has the same content as one of them."""
    acme, globex = make.instance("acme"), make.instance("globex")
    first, second = keep(b"first"), keep(b"second")
    make.document(acme, sha256=first, title="First")
    make.document(acme, sha256=second, title="Second", tagging_state=TaggingState.RUNNING)
    make.document(globex, sha256=first, title="Theirs")
    path = storage.incoming()
    path.write_bytes(b"thumbnail")
    storage.keep(path, thumbnail_key(first), durable=False)
    return sorted([first, second])


def elsewhere(config: Config, folder: Path) -> Config:
    """The configuration of another machine."""
    return replace(
        config,
        instance_path=folder,
        database_url=database_elsewhere(config.database_url, folder),
        storage_path=folder / "files",
    )


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_a_backup_holds_everything_once_and_is_for_its_owner_only(
    config: Config, filled: list[str], tmp_path: Path
) -> None:
    target = tmp_path / "backup.tar"
    steps: list[tuple[int, int]] = []
    summary = back_up(config, target, progress=lambda done, total: steps.append((done, total)))
    assert (summary.originals, summary.missing) == (2, ())
    assert summary.size == target.stat().st_size
    assert steps == [(1, 2), (2, 2)]
    found = names(target)
    assert found[0] == "manifest.json"
    assert found[-1] == "complete.json"
    assert sorted(name.rpartition("/")[2] for name in found if "/originals/" in name) == filled
    assert {"database", "secret_key", "models/toy/model.tflite"} <= set(found)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(".*backup*")] == []


def test_a_restored_installation_has_documents_files_models_and_keys(
    config: Config, filled: list[str], tmp_path: Path
) -> None:
    back_up(config, tmp_path / "backup.tar")
    there = elsewhere(config, tmp_path / "there")
    manifest = restore(there, tmp_path / "backup.tar")
    assert manifest.originals == 2
    storage = FolderStorage(there.storage_path)
    first = filled[0]
    assert storage.local_path(original_key(first)).read_bytes() in (b"first", b"second")
    assert (there.instance_path / "secret_key").read_text() == config.secret_key
    assert (there.models_path / "toy" / "labels.txt").read_text() == "cat\ndog\n"
    again = back_up(there, tmp_path / "again.tar")
    assert again.originals == 2


def test_what_was_in_hand_waits_again_after_a_restore(
    config: Config, filled: list[str], tmp_path: Path
) -> None:
    from autotag.models.engine import build_session_factory

    back_up(config, tmp_path / "backup.tar")
    there = elsewhere(config, tmp_path / "there")
    restore(there, tmp_path / "backup.tar")
    sessions = build_session_factory(there.database_url)
    with sessions() as session:
        states = dict(session.query(Document.title, Document.tagging_state).all())
    sessions.kw["bind"].dispose()
    assert states["Second"] is TaggingState.QUEUED


def test_an_installation_is_replaced_only_when_told(
    config: Config, filled: list[str], sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    back_up(config, tmp_path / "backup.tar")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(text("DELETE FROM document"))
    sessions.kw["bind"].dispose()
    with pytest.raises(BackupError, match="--overwrite"):
        restore(config, tmp_path / "backup.tar")
    with sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM document")) == 0
    sessions.kw["bind"].dispose()
    restore(config, tmp_path / "backup.tar", overwrite=True)
    with sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM document")) == 3


def test_a_file_is_replaced_only_when_told(config: Config, filled: list[str], tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    target.write_text("precious")
    with pytest.raises(BackupError, match="--overwrite"):
        back_up(config, target)
    assert target.read_text() == "precious"
    back_up(config, target, overwrite=True)
    assert "database" in names(target)


def test_a_missing_file_is_named_and_the_rest_is_kept(
    config: Config, filled: list[str], storage: FolderStorage, tmp_path: Path
) -> None:
    gone = filled[0]
    storage.delete(original_key(gone))
    summary = back_up(config, tmp_path / "backup.tar")
    assert summary.missing == (gone,)
    assert summary.originals == 1
    assert restore(elsewhere(config, tmp_path / "there"), tmp_path / "backup.tar").originals == 2


def rewritten(source: Path, target: Path, change: Callable[[tarfile.TarInfo, bytes], bytes | None]) -> Path:
    """Copy a backup with each entry's content changed, or left out for None."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            changed = change(member, content.read())
            if changed is not None:
                import io

                member.size = len(changed)
                new.addfile(member, io.BytesIO(changed))
    return target


def spoil_original(member: tarfile.TarInfo, content: bytes) -> bytes:
    return b"spoilt" if "/originals/" in member.name else content


def spoil_database(member: tarfile.TarInfo, content: bytes) -> bytes:
    return content[:-1] + b"!" if member.name == "database" else content


def leave_out_end(member: tarfile.TarInfo, content: bytes) -> bytes | None:
    return None if member.name == "complete.json" else content


def leave_out_original(member: tarfile.TarInfo, content: bytes) -> bytes | None:
    return None if "/originals/" in member.name else content


def make_it_newer(member: tarfile.TarInfo, content: bytes) -> bytes:
    if member.name != "manifest.json":
        return content
    return json.dumps(json.loads(content) | {"revision": "9999"}).encode()


def make_it_of_another_kind(member: tarfile.TarInfo, content: bytes) -> bytes:
    if member.name != "manifest.json":
        return content
    manifest = json.loads(content)
    kind = "postgresql" if manifest["database"] == "sqlite" else "sqlite"
    return json.dumps(manifest | {"database": kind}).encode()


def climb_out(member: tarfile.TarInfo, content: bytes) -> bytes:
    if member.name == "secret_key":
        member.name = "models/toy/../../../outside"
    return content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoil_original, "is not what it was"),
        (spoil_database, "database is not what it was"),
        (leave_out_end, "broke off"),
        (leave_out_original, "not hold as many files"),
        (make_it_newer, "newer"),
        (make_it_of_another_kind, "The backup is of"),
        (climb_out, "no backup of Autotag"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_backup_that_is_not_whole_replaces_nothing(
    change: Callable[[tarfile.TarInfo, bytes], bytes | None],
    words: str,
    config: Config,
    filled: list[str],
    tmp_path: Path,
) -> None:
    back_up(config, tmp_path / "backup.tar")
    bad = rewritten(tmp_path / "backup.tar", tmp_path / "bad.tar", change)
    there = elsewhere(config, tmp_path / "there")
    there.instance_path.mkdir()
    (there.instance_path / "secret_key").write_text("mine")
    with pytest.raises(BackupError, match=words):
        restore(there, bad)
    assert (there.instance_path / "secret_key").read_text() == "mine"
    assert sorted(path.name for path in there.instance_path.iterdir()) == [".up.lock", "secret_key"]


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\0" * 2048])
def test_something_else_is_no_backup(content: bytes, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(BackupError):
        restore(elsewhere(config, tmp_path / "there"), path)


def test_a_cut_off_backup_replaces_nothing(config: Config, filled: list[str], tmp_path: Path) -> None:
    back_up(config, tmp_path / "backup.tar")
    content = (tmp_path / "backup.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(content[: len(content) // 2])
    with pytest.raises(BackupError):
        restore(elsewhere(config, tmp_path / "there"), tmp_path / "cut.tar")


def test_a_running_installation_is_not_replaced(config: Config, filled: list[str], tmp_path: Path) -> None:
    import fcntl

    back_up(config, tmp_path / "backup.tar")
    with (config.instance_path / ".up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="stop it first"):
            restore(config, tmp_path / "backup.tar", overwrite=True)


def test_an_address_is_written_as_postgresql_s_own_programs_take_it() -> None:
    assert plain_url("postgresql+psycopg://a:b%40@host/db") == "postgresql://a:b%40@host/db"


def test_a_program_that_is_absent_or_fails_says_so() -> None:
    with pytest.raises(BackupError, match="is not installed"):
        run_tool("no-such-program-of-postgresql")
    with pytest.raises(BackupError, match="false failed: no reason given"):
        run_tool("false")
