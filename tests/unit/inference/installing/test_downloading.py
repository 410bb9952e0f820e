"""A download is whole or refused, goes on after a cut, and stops when told to."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing import downloading
from autotag.inference.installing.downloading import download

CONTENT = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(downloading, "POLL_SECONDS", 0.01)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


def fetch(url: str, target: Path, **changes: Any) -> list[tuple[int, int | None]]:
    """Downloads and returns what progress was told."""
    told: list[tuple[int, int | None]] = []
    options = {
        "limit": 10**6,
        "progress": lambda *numbers: told.append(numbers),
        "cancelled": lambda: False,
    }
    download(url, target, **{**options, **changes})
    return told


def test_a_file_arrives_whole_and_progress_is_told(file_server: Any, target: Path) -> None:
    file_server.content = CONTENT

    told = fetch(file_server.url, target)

    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(told) == told


def test_a_server_that_tells_no_length_is_fine(file_server: Any, target: Path) -> None:
    file_server.content, file_server.tells_length = CONTENT, False

    assert fetch(file_server.url, target)[-1] == (len(CONTENT), None)
    assert target.read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_where_it_was(file_server: Any, target: Path) -> None:
    file_server.content, file_server.cuts = CONTENT, [30_000, 20_000]

    fetch(file_server.url, target)

    assert target.read_bytes() == CONTENT
    assert [request.get("Range") for request in file_server.requests] == [
        None,
        "bytes=30000-",
        "bytes=50000-",
    ]


@pytest.mark.parametrize("fault", [{"ranges": False}, {"validator": None}, {"validator": 'W/"weak"'}])
def test_without_ranges_it_starts_again(file_server: Any, target: Path, fault: dict[str, Any]) -> None:
    file_server.content, file_server.cuts = CONTENT, [30_000]
    for name, value in fault.items():
        setattr(file_server, name, value)

    fetch(file_server.url, target)

    assert target.read_bytes() == CONTENT
    assert len(file_server.requests) == 2


def test_a_file_that_changed_meanwhile_starts_again(file_server: Any, target: Path) -> None:
    file_server.content, file_server.cuts = CONTENT, [30_000]

    def change(*_: Any) -> None:
        file_server.content, file_server.validator = b"another", '"two"'

    fetch(file_server.url, target, progress=change)

    assert target.read_bytes() == b"another"


def test_many_cuts_are_survived_as_long_as_each_try_brings_something(file_server: Any, target: Path) -> None:
    file_server.content, file_server.cuts = CONTENT, [10_000] * 10

    fetch(file_server.url, target)

    assert target.read_bytes() == CONTENT


def test_three_fruitless_tries_are_the_end(file_server: Any, target: Path) -> None:
    file_server.content, file_server.cuts = CONTENT, [1000, 0, 0, 0]

    with pytest.raises(ModelRejected, match="ends before all has arrived") as refusal:
        fetch(file_server.url, target)
    assert refusal.value.code == "download_failed"


def test_a_busy_server_is_asked_again(file_server: Any, target: Path) -> None:
    file_server.content, file_server.statuses = CONTENT, [503, 429]

    fetch(file_server.url, target)

    assert target.read_bytes() == CONTENT


def test_a_refusal_is_final(file_server: Any, target: Path) -> None:
    file_server.statuses = [404]

    with pytest.raises(ModelRejected, match="answered 404"):
        fetch(file_server.url, target)
    assert len(file_server.requests) == 1


@pytest.mark.parametrize("tells_length", [True, False])
def test_more_than_the_limit_is_refused(file_server: Any, target: Path, tells_length: bool) -> None:
    file_server.content, file_server.tells_length = CONTENT, tells_length

    with pytest.raises(ModelRejected, match="more than the 1000 bytes") as refusal:
        fetch(file_server.url, target, limit=1000)
    assert refusal.value.code == "too_large"
    assert not target.exists() or target.stat().st_size <= 70_000


def test_a_slow_download_is_cancelled_at_once(file_server: Any, target: Path) -> None:
    file_server.content, file_server.pause = CONTENT, 0.05
    told: list[int] = []

    with pytest.raises(InstallationCancelled):
        fetch(
            file_server.url,
            target,
            progress=lambda done, _: told.append(done),
            cancelled=lambda: len(told) >= 3,
        )

    assert told[-1] < len(CONTENT)


def test_a_pause_between_tries_is_cancelled_too(
    file_server: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "FIRST_PAUSE_SECONDS", 60)
    file_server.statuses = [503]

    with pytest.raises(InstallationCancelled):
        fetch(file_server.url, target, cancelled=lambda: bool(file_server.requests))


def test_a_silent_server_is_given_up(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "SILENCE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ModelRejected, match="does not answer"):
            fetch(f"http://127.0.0.1:{port}/file", target)


def test_an_unreachable_server_is_named(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ModelRejected, match=rf"127\.0\.0\.1:{port}/file cannot be reached"):
        fetch(f"http://127.0.0.1:{port}/file", target)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "inception.tgz", "http://"])
def test_an_address_that_is_none_is_refused(target: Path, url: str) -> None:
    with pytest.raises(ModelRejected) as refusal:
        fetch(url, target)
    assert refusal.value.code == "download_failed"
