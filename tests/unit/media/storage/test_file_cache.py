"""Local copies: bounded, verified, and never taken away from somebody who uses them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

import pytest

from autotag.media.storage import file_cache
from autotag.media.storage.file_cache import FileCache, is_sha256
from autotag.media.storage.storage import original_key

HOLD = """
import sys
from pathlib import Path
from autotag.media.storage.file_cache import FileCache
folder, key = sys.argv[1:]
with FileCache(Path(folder)).use(key, lambda: Path("nowhere")) as path:
    print("held", flush=True)
    sys.stdin.readline()
    print(path.read_text(), flush=True)
"""


def key_of(content: bytes) -> str:
    return original_key(hashlib.sha256(content).hexdigest())


class Source:
    """Brings a content when it is asked, and counts."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.asked = 0
        self._folder = folder
        self._content = content

    def __call__(self) -> Path:
        self.asked += 1
        path = self._folder / f"incoming-{os.urandom(4).hex()}"
        path.write_bytes(self._content)
        return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Callable[[bytes], Source]:
    return lambda content: Source(tmp_path, content)


def fill(cache: FileCache, source: Callable[[bytes], Source], *contents: bytes) -> list[str]:
    keys = []
    for number, content in enumerate(contents):
        with cache.use(key_of(content), source(content)) as path:
            pass
        os.utime(path, (number + 1, number + 1))
        keys.append(key_of(content))
    return keys


def held_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_file_is_fetched_once(folder: Path, source: Callable[[bytes], Source]) -> None:
    fetch = source(b"a")
    for _ in range(3):
        with FileCache(folder).use(key_of(b"a"), fetch) as path:
            assert path.read_bytes() == b"a"
    assert fetch.asked == 1
    assert list(folder.parent.glob("incoming-*")) == []


def test_what_fetching_raises_passes(folder: Path) -> None:
    def fail() -> Path:
        raise FileNotFoundError("a")

    with pytest.raises(FileNotFoundError), FileCache(folder).use(key_of(b"a"), fail):
        pass


def test_a_copy_that_is_not_what_its_name_says_is_fetched_again(
    folder: Path, source: Callable[[bytes], Source]
) -> None:
    cache, fetch = FileCache(folder), source(b"whole")
    with cache.use(key_of(b"whole"), fetch) as path:
        pass
    path.write_bytes(b"who\0\0")
    assert cache.open(key_of(b"whole")) is None
    with cache.use(key_of(b"whole"), fetch) as path:
        path.write_bytes(b"who\0\0")
    with cache.use(key_of(b"whole"), fetch) as path:
        assert path.read_bytes() == b"whole"


def test_what_is_damaged_where_it_comes_from_is_not_there(
    folder: Path, source: Callable[[bytes], Source]
) -> None:
    fetch = source(b"something else")
    with pytest.raises(FileNotFoundError, match="damaged"), FileCache(folder).use(key_of(b"a"), fetch):
        pass
    assert fetch.asked == 2
    assert held_bytes(folder) == 0
    assert list(folder.parent.glob("incoming-*")) == []


def test_a_copy_is_verified_once_by_a_process_and_again_when_it_changed(
    folder: Path, source: Callable[[bytes], Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = FileCache(folder)
    (key,) = fill(cache, source, b"a")
    looked = []
    matches = file_cache._matches

    def note(file: BufferedReader, name: str) -> bool:
        looked.append(name)
        return matches(file, name)

    monkeypatch.setattr(file_cache, "_matches", note)
    for _ in range(3):
        with cache.use(key, source(b"a")):
            pass
    assert len(looked) == 1
    with FileCache(folder).use(key, source(b"a")):
        pass
    assert len(looked) == 2


def test_a_damaged_copy_that_somebody_has_replaced_is_left(
    folder: Path, source: Callable[[bytes], Source]
) -> None:
    cache = FileCache(folder)
    (key,) = fill(cache, source, b"a")
    path = folder / key.replace("/", "_")
    with path.open("rb") as seen:
        cache.add(key, source(b"a")())
        cache._remove(path, seen)
    assert path.exists()


def test_what_was_not_used_for_longest_goes_first(folder: Path, source: Callable[[bytes], Source]) -> None:
    cache = FileCache(folder, maximum_bytes=32)
    old, used, new = fill(cache, source, b"a" * 10, b"b" * 10, b"c" * 10)
    file = cache.open(old)
    assert file is not None
    file.close()
    with cache.use(key_of(b"d" * 10), source(b"d" * 10)):
        pass
    there = {key: (folder / key.replace("/", "_")).exists() for key in (old, used, new)}
    assert there == {old: True, used: False, new: True}
    assert held_bytes(folder) <= 32


def test_a_copy_in_use_by_another_process_stays(folder: Path, source: Callable[[bytes], Source]) -> None:
    cache = FileCache(folder, maximum_bytes=1000)
    held, free = fill(cache, source, b"held", b"free")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), held],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout
        assert user.stdout.readline() == "held\n"
        assert FileCache(folder, maximum_bytes=0).clear() == 1
        assert (folder / held.replace("/", "_")).exists()
        assert not (folder / free.replace("/", "_")).exists()
        assert user.communicate("go\n")[0] == "held\n"
    assert FileCache(folder, maximum_bytes=0).clear() == 1


def test_a_copy_that_went_between_finding_and_holding_it_is_fetched_again(
    folder: Path, source: Callable[[bytes], Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, fetch = FileCache(folder), source(b"a")
    fill(cache, lambda _content: fetch, b"a")
    lock = file_cache.fcntl.flock
    taken = []

    def late(file: object, kind: int) -> None:
        if not taken:
            taken.append(kind)
            cache.drop(key_of(b"a"))
        lock(file, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(file_cache.fcntl, "flock", late)
    with cache.use(key_of(b"a"), fetch) as path:
        assert path.read_bytes() == b"a"
    assert fetch.asked == 2


def test_an_open_copy_is_read_to_its_end_though_it_is_cleared_away(
    folder: Path, source: Callable[[bytes], Source]
) -> None:
    cache = FileCache(folder)
    (key,) = fill(cache, source, b"a" * 100)
    file = cache.open(key)
    assert file is not None
    with file:
        assert FileCache(folder, maximum_bytes=0).clear() == 1
        assert file.read() == b"a" * 100
    assert cache.open(key) is None


def test_a_process_that_adds_much_looks_after_the_bound(
    folder: Path, source: Callable[[bytes], Source]
) -> None:
    cache = FileCache(folder, maximum_bytes=1600)
    fill(cache, source, *(bytes([number]) * 50 for number in range(100)))
    assert held_bytes(folder) <= 1700


def test_clearing_what_was_never_used_finds_nothing(folder: Path) -> None:
    assert FileCache(folder).clear() == 0


@pytest.mark.parametrize(("name", "expected"), [("a" * 64, True), ("a" * 63, False), ("g" * 64, False)])
def test_a_hash_is_known_by_its_letters(name: str, expected: bool) -> None:
    assert is_sha256(name) is expected
