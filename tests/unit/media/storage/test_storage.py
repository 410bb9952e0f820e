import errno
import os
import time
from pathlib import Path

import pytest

from autotag.media.errors import StorageError
from autotag.media.storage.storage import FolderStorage, original_key

KEY = "originals/ab/cd/abcd"


def received(storage: FolderStorage, content: bytes = b"content") -> Path:
    path = storage.incoming()
    path.write_bytes(content)
    return path


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("durable", [True, False])
def test_a_kept_file_can_be_read_under_its_key(storage: FolderStorage, durable: bool) -> None:
    storage.keep(received(storage), KEY, durable=durable)
    with storage.open(KEY) as file:
        assert file.read() == b"content"
    assert storage.local_path(KEY).read_bytes() == b"content"
    assert storage.exists(KEY)
    assert files(storage.root) == [KEY]


def test_keeping_the_same_key_again_is_no_change(storage: FolderStorage) -> None:
    for _ in range(2):
        storage.keep(received(storage), KEY)
    assert storage.local_path(KEY).read_bytes() == b"content"
    assert files(storage.root) == [KEY]


def test_what_is_not_there_is_not_found(storage: FolderStorage) -> None:
    assert not storage.exists(KEY)
    with pytest.raises(FileNotFoundError):
        storage.open(KEY)
    with pytest.raises(FileNotFoundError):
        storage.local_path(KEY)


def test_a_folder_is_no_kept_file(storage: FolderStorage) -> None:
    storage.keep(received(storage), KEY)
    assert not storage.exists("originals")
    with pytest.raises(FileNotFoundError):
        storage.local_path("originals")


def test_deleting_leaves_nothing_and_may_be_repeated(storage: FolderStorage) -> None:
    storage.keep(received(storage), KEY)
    storage.delete(KEY)
    storage.delete(KEY)
    assert files(storage.root) == []


@pytest.mark.parametrize("key", ["../secret", "originals/../../secret", "/etc/passwd", "a/../b"])
def test_a_key_cannot_lead_out_of_the_folder(storage: FolderStorage, key: str) -> None:
    storage.root.mkdir()
    (storage.root.parent / "secret").write_text("secret")
    path = received(storage)
    for use in (storage.open, storage.local_path, storage.exists, storage.delete):
        with pytest.raises(ValueError, match="is no storage key"):
            use(key)
    with pytest.raises(ValueError, match="is no storage key"):
        storage.keep(path, key)
    assert (storage.root.parent / "secret").read_text() == "secret"


def test_each_incoming_path_is_new(storage: FolderStorage) -> None:
    paths = {storage.incoming() for _ in range(20)}
    assert len(paths) == 20
    assert not any(path.exists() for path in paths)


@pytest.fixture
def steps(storage: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The syncs and renames in their order, with the paths relative to the storage."""
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def name(path: str) -> str:
        return "received" if "/incoming/" in path else str(Path(path).relative_to(storage.root.parent))

    def record_sync(descriptor: int) -> None:
        done.append(("sync", name(str(Path(f"/proc/self/fd/{descriptor}").readlink()))))
        fsync(descriptor)

    def record_replace(source: Path, target: Path) -> None:
        done.append(("rename", name(str(target))))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_replace)
    return done


def test_bytes_are_synced_before_the_name_and_the_name_before_anybody_relies_on_it(
    storage: FolderStorage, steps: list[tuple[str, str]]
) -> None:
    storage.keep(received(storage), KEY)
    assert steps[:2] == [("sync", "received"), ("rename", f"files/{KEY}")]
    # The file's folder, and every folder that got a new entry for it.
    assert set(steps[2:]) == {
        ("sync", "files/originals/ab/cd"),
        ("sync", "files/originals/ab"),
        ("sync", "files/originals"),
        ("sync", "files"),
    }


def test_folders_that_were_there_need_no_sync_again(
    storage: FolderStorage, steps: list[tuple[str, str]]
) -> None:
    storage.keep(received(storage), KEY)
    steps.clear()
    storage.keep(received(storage), "originals/ab/cd/other")
    assert steps == [
        ("sync", "received"),
        ("rename", "files/originals/ab/cd/other"),
        ("sync", "files/originals/ab/cd"),
    ]


def test_what_can_be_made_again_is_not_synced(storage: FolderStorage, steps: list[tuple[str, str]]) -> None:
    storage.keep(received(storage), KEY, durable=False)
    assert steps == [("rename", f"files/{KEY}")]


@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir"])
def test_a_disk_that_refuses_is_a_storage_error_and_nothing_is_kept(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = received(storage)

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        storage.keep(path, KEY)
    assert caught.value.code == "storage"
    assert not storage.exists(KEY)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        FolderStorage(tmp_path / "file").incoming()


def test_the_sweep_takes_only_what_is_old(storage: FolderStorage) -> None:
    old, young = received(storage), received(storage)
    storage.keep(received(storage), KEY)
    yesterday = time.time() - 25 * 60 * 60
    os.utime(old, (yesterday, yesterday))
    os.utime(storage.local_path(KEY), (yesterday, yesterday))
    assert storage.sweep_incoming() == 1
    assert not old.exists()
    assert young.exists()
    assert storage.exists(KEY)


def test_the_sweep_of_a_folder_that_was_never_used_finds_nothing(storage: FolderStorage) -> None:
    assert storage.sweep_incoming() == 0


def test_originals_are_spread_over_folders_by_their_hash() -> None:
    assert original_key("abcdef") == "originals/ab/cd/abcdef"


def long_ago(path: Path) -> None:
    yesterday = time.time() - 25 * 60 * 60
    os.utime(path, (yesterday, yesterday))


def test_an_old_file_is_discarded_and_a_young_one_is_not(storage: FolderStorage) -> None:
    storage.keep(received(storage), KEY)
    assert not storage.discard(KEY, older_than_seconds=60)
    assert storage.exists(KEY)
    long_ago(storage.local_path(KEY))
    assert storage.discard(KEY, older_than_seconds=60)
    assert not storage.exists(KEY)
    assert storage.put_back() == 0


def test_discarding_what_is_not_there_is_no_change(storage: FolderStorage) -> None:
    assert storage.discard(KEY, older_than_seconds=60)


def test_keeping_a_key_again_makes_its_file_young(storage: FolderStorage) -> None:
    """What the sweep relies on: an upload of the same bytes never leaves the old file where it was."""
    storage.keep(received(storage), KEY)
    long_ago(storage.local_path(KEY))
    storage.keep(received(storage), KEY)
    assert not storage.discard(KEY, older_than_seconds=60)


def test_a_file_that_is_kept_while_the_old_one_is_discarded_stays(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the age and the removal somebody uploads the same bytes."""
    storage.keep(received(storage), KEY)
    long_ago(storage.local_path(KEY))
    rename = Path.rename

    def upload_first(path: Path, target: Path) -> Path:
        storage.keep(received(storage), KEY)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", upload_first)
    assert not storage.discard(KEY, older_than_seconds=60)
    assert storage.exists(KEY)
    assert storage.put_back() == 0


def test_a_file_that_is_kept_after_the_old_one_was_set_aside_stays(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.keep(received(storage), KEY)
    long_ago(storage.local_path(KEY))
    rename = Path.rename

    def upload_after(path: Path, target: Path) -> Path:
        moved = rename(path, target)
        storage.keep(received(storage), KEY)
        return moved

    monkeypatch.setattr(Path, "rename", upload_after)
    assert storage.discard(KEY, older_than_seconds=60)
    assert storage.exists(KEY)


def test_what_a_killed_discard_had_set_aside_is_put_back(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(_path: Path, missing_ok: bool = False) -> None:
        raise Killed

    storage.keep(received(storage), KEY)
    long_ago(storage.local_path(KEY))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(Killed):
            storage.discard(KEY, older_than_seconds=60)
    assert not storage.exists(KEY)
    assert storage.put_back() == 1
    assert storage.exists(KEY)
    assert storage.put_back() == 0
