"""Against a real server that speaks S3, in this process."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from autotag.config import Bucket
from autotag.media.errors import StorageUnavailable
from autotag.media.storage.file_cache import FileCache
from autotag.media.storage.object_storage import PART_BYTES, ObjectStorage
from autotag.media.storage.remote_file import BLOCK_BYTES
from autotag.media.storage.renditions import thumbnail_key
from autotag.media.storage.storage import original_key
from tests.conftest import free_port, load_stub

CONTENT = b"content"
KEY = original_key(hashlib.sha256(CONTENT).hexdigest())
PICTURE = thumbnail_key("a" * 64)
HOUR = 60 * 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with load_stub("object_store").ObjectStore(free_port()) as server:
        yield server


@pytest.fixture
def place(server: Any, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    server.clear()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Bucket("autotag-files", "team/one", server.url)


@pytest.fixture
def store(place: Bucket, tmp_path: Path) -> ObjectStorage:
    return ObjectStorage(place, tmp_path / "files")


@pytest.fixture
def elsewhere(place: Bucket, tmp_path: Path) -> ObjectStorage:
    """The same bucket, seen from another machine."""
    return ObjectStorage(place, tmp_path / "elsewhere")


def received(store: ObjectStorage, content: bytes = CONTENT) -> Path:
    path = store.incoming()
    path.write_bytes(content)
    return path


def kept(store: ObjectStorage, size: int) -> tuple[str, bytes]:
    content = os.urandom(size)
    key = original_key(hashlib.sha256(content).hexdigest())
    store.keep(received(store, content), key)
    return key, content


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_kept_file_can_be_read_from_another_machine(store: ObjectStorage, elsewhere: ObjectStorage) -> None:
    store.keep(received(store), KEY)
    for reader in (store, elsewhere):
        assert reader.exists(KEY)
        with reader.open(KEY) as file:
            assert file.read() == CONTENT
        with reader.on_disk(KEY) as path:
            assert path.is_absolute()
            assert path.read_bytes() == CONTENT


def test_it_lies_under_the_prefix(store: ObjectStorage, server: Any) -> None:
    store.keep(received(store), KEY)
    assert list(server.kept()) == [KEY]


def test_keeping_the_same_key_again_is_no_change_and_costs_as_much(
    store: ObjectStorage, elsewhere: ObjectStorage, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that is quick would tell that another virtual instance has the same content."""
    asked: list[str] = []
    for name in ("put", "head"):
        ask = getattr(obstore, name)

        def noted(*sent: Any, _ask: Any = ask, _name: str = name, **options: Any) -> Any:
            asked.append(_name)
            return _ask(*sent, **options)

        monkeypatch.setattr(obstore, name, noted)
    store.keep(received(store), KEY)
    first, asked[:] = asked[:], []
    path = received(elsewhere)
    elsewhere.keep(path, KEY)
    assert asked == first == ["put"]
    assert not path.exists()
    assert list(server.kept()) == [KEY]


def test_a_large_file_goes_up_in_parts_and_comes_back_in_blocks(
    store: ObjectStorage, elsewhere: ObjectStorage, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, content = kept(store, PART_BYTES + BLOCK_BYTES + 1)
    assert server.kept()[key].etag.strip('"').endswith("-2")
    assert server.parts_left() == 0
    asked = []
    get_range = obstore.get_range

    def note(*arguments: Any, **span: Any) -> Any:
        asked.append(span["end"] - span["start"])
        return get_range(*arguments, **span)

    monkeypatch.setattr(obstore, "get_range", note)
    with elsewhere.open(key) as file:
        file.seek(PART_BYTES)
        assert file.read(10) == content[PART_BYTES : PART_BYTES + 10]
    assert asked == [BLOCK_BYTES]
    with elsewhere.on_disk(key) as path:
        assert path.read_bytes() == content
    assert max(asked) == BLOCK_BYTES


def test_what_was_used_is_not_fetched_again(
    store: ObjectStorage, elsewhere: ObjectStorage, server: Any
) -> None:
    store.keep(received(store), KEY)
    with elsewhere.on_disk(KEY):
        pass
    server.stop()
    try:
        with elsewhere.on_disk(KEY) as path:
            assert path.read_bytes() == CONTENT
        with elsewhere.open(KEY) as file:
            assert file.read() == CONTENT
    finally:
        server.start()


def test_a_picture_for_the_pages_is_fetched_once(
    store: ObjectStorage, elsewhere: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = received(store)
    store.keep(path, PICTURE, durable=False)
    assert not path.exists()
    with elsewhere.open(PICTURE) as file:
        assert file.read() == CONTENT
    monkeypatch.setattr(obstore, "get_range", None)
    with elsewhere.open(PICTURE) as file:
        assert file.read() == CONTENT


def test_what_is_not_there_is_not_found(store: ObjectStorage) -> None:
    assert not store.exists(KEY)
    with pytest.raises(FileNotFoundError):
        store.open(KEY)
    with pytest.raises(FileNotFoundError), store.on_disk(KEY):
        pass
    assert files(store.cache.folder.parent) == []


def test_deleting_leaves_nothing_and_may_be_repeated(store: ObjectStorage, server: Any) -> None:
    store.keep(received(store), KEY)
    store.delete(KEY)
    store.delete(KEY)
    assert server.kept() == {}
    assert not store.exists(KEY)
    with pytest.raises(FileNotFoundError):
        store.open(KEY)


def test_an_old_file_is_discarded_and_a_young_one_is_not(store: ObjectStorage, server: Any) -> None:
    store.keep(received(store), KEY)
    assert not store.discard(KEY, older_than_seconds=HOUR)
    assert store.exists(KEY)
    server.age(HOUR + 60)
    assert store.discard(KEY, older_than_seconds=HOUR)
    assert not store.exists(KEY)
    assert store.discard(KEY, older_than_seconds=HOUR)
    assert store.put_back() == 0


@pytest.mark.parametrize("key", ["../a", "a/../b", "/a", "a//b", "", "./a"])
def test_a_key_cannot_lead_out_of_the_prefix(store: ObjectStorage, key: str) -> None:
    for use in (store.open, store.exists, store.delete):
        with pytest.raises(ValueError, match="no storage key"):
            use(key)
    with pytest.raises(ValueError, match="no storage key"):
        store.keep(received(store), key)


def test_a_folder_takes_the_place_of_everything(
    store: ObjectStorage, elsewhere: ObjectStorage, server: Any, tmp_path: Path
) -> None:
    old, _ = kept(store, 10)
    both, content = kept(store, 20)
    folder = tmp_path / "staged"
    for key in (both, PICTURE):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)
    elsewhere.replace_all(folder)
    assert sorted(server.kept()) == sorted([both, PICTURE])
    assert old not in server.kept()


def test_a_store_that_is_away_is_told_within_seconds_and_nothing_is_lost(
    store: ObjectStorage, elsewhere: ObjectStorage, server: Any
) -> None:
    store.keep(received(store), KEY)
    path = received(elsewhere, b"another")
    server.stop()
    started = time.monotonic()
    try:
        for use in (
            lambda: elsewhere.keep(path, original_key("b" * 64)),
            lambda: elsewhere.open(KEY),
            lambda: elsewhere.exists(KEY),
            lambda: elsewhere.delete(KEY),
            lambda: elsewhere.discard(KEY, older_than_seconds=0),
            elsewhere.check,
        ):
            with pytest.raises(StorageUnavailable, match="does not answer") as caught:
                use()
            assert caught.value.code == "storage_unavailable"
            assert "\n" not in caught.value.reason
    finally:
        server.start()
    assert time.monotonic() - started < 60
    assert path.read_bytes() == b"another"
    elsewhere.check()
    assert elsewhere.exists(KEY)
    elsewhere.keep(path, original_key("b" * 64))


def test_a_store_that_goes_away_in_the_middle_ends_the_reading(
    store: ObjectStorage, elsewhere: ObjectStorage, server: Any
) -> None:
    key, _ = kept(store, BLOCK_BYTES * 2)
    with elsewhere.open(key) as file:
        file.read(10)
        server.stop()
        try:
            with pytest.raises(StorageUnavailable):
                file.read()
        finally:
            server.start()
    assert files(elsewhere.cache.folder.parent) == []


def test_a_bucket_that_is_not_there_is_told(place: Bucket, tmp_path: Path) -> None:
    store = ObjectStorage(Bucket("nobody-has-this", "", place.endpoint), tmp_path)
    for use in (
        lambda: store.keep(received(store), PICTURE, durable=False),
        lambda: store.open(KEY),
        store.check,
    ):
        with pytest.raises(StorageUnavailable) as caught:
            use()
        assert "NoSuchBucket" in caught.value.reason


def test_a_disk_without_room_for_a_copy_still_keeps_the_file(
    store: ObjectStorage, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileCache, "add", full)
    store.keep(received(store), KEY)
    assert list(server.kept()) == [KEY]


def test_what_never_ended_is_swept(store: ObjectStorage) -> None:
    path = received(store)
    os.utime(path, (0, 0))
    assert store.sweep_incoming() == 1
    shutil.rmtree(path.parent)
    assert store.sweep_incoming() == 0


def test_it_says_where_it_is(store: ObjectStorage, place: Bucket) -> None:
    assert store.place == f"s3://autotag-files/team/one at {place.endpoint}"
    assert store.free_bytes() is None


def test_contents_are_listed_by_their_prefix_and_age(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(received(store), KEY)
    store.keep(received(store), PICTURE, durable=False)
    sha256 = KEY.rpartition("/")[2]
    assert store.contents(sha256[:2], older_than_seconds=HOUR) == set()
    later = time.time() + 2 * HOUR
    monkeypatch.setattr(time, "time", lambda: later)
    assert store.contents(sha256[:2], older_than_seconds=HOUR) == {sha256}
    assert store.contents("aa", older_than_seconds=HOUR) == {"a" * 64}
    assert store.contents("00", older_than_seconds=HOUR) == set()
