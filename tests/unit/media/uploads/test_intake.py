import errno
import hashlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.media.errors import StorageError, UploadRefused
from autotag.media.sniffing import SNIFFED_BYTES
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.media.uploads.intake import (
    NAME_LENGTH,
    ReceivedFile,
    UploadLimits,
    accept,
    clean_file_name,
    receive,
)
from autotag.models import Document, DocumentVersion, TaggingState
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from tests.unit.conftest import Factory

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 100


class SlowStream(io.RawIOBase):
    """Gives its content in small portions, as a network does, and counts what was taken."""

    def __init__(self, content: bytes, portion: int = 1000) -> None:
        self._content = io.BytesIO(content)
        self._portion = portion
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        part = self._content.read(min(size, self._portion) if size >= 0 else self._portion)
        self.taken += len(part)
        return part


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def take(
    session: Session,
    storage: FolderStorage,
    content: bytes,
    name: str = "a.png",
    limits: UploadLimits | None = None,
) -> str:
    with receive(
        io.BytesIO(content), name, session=session, storage=storage, limits=limits or UploadLimits()
    ) as received:
        return received.sha256


def test_a_file_is_kept_under_its_hash(session: Session, storage: FolderStorage) -> None:
    with receive(
        SlowStream(PNG, 7), "a.png", session=session, storage=storage, limits=UploadLimits()
    ) as received:
        assert received.file_name == "a.png"
        assert received.size == len(PNG)
        assert received.mime_type == "image/png"
        assert received.sha256 == hashlib.sha256(PNG).hexdigest()
        assert storage.local_path(original_key(received.sha256)).read_bytes() == PNG
    assert len(files(storage.root)) == 1


def test_type_comes_from_the_first_bytes_however_they_arrive(
    session: Session, storage: FolderStorage
) -> None:
    text = b"x" * (SNIFFED_BYTES - 1) + "\u00e9".encode() + b"\0" * 10
    with receive(
        SlowStream(text, 999), "a.bin", session=session, storage=storage, limits=UploadLimits()
    ) as received:
        assert received.mime_type == "text/plain"


def test_the_same_content_twice_is_one_file(session: Session, storage: FolderStorage) -> None:
    assert take(session, storage, PNG, "a.png") == take(session, storage, PNG, "b.png")
    assert len(files(storage.root)) == 1


def test_an_empty_file_is_refused_and_nothing_stays(session: Session, storage: FolderStorage) -> None:
    with pytest.raises(UploadRefused) as caught:
        take(session, storage, b"")
    assert caught.value.code == "empty_file"
    assert files(storage.root) == []


def test_a_file_over_the_limit_is_refused_in_the_middle_and_nothing_stays(
    session: Session, storage: FolderStorage
) -> None:
    stream = SlowStream(b"x" * 100_000)
    limits = UploadLimits(maximum_bytes=2500)
    with (
        pytest.raises(UploadRefused, match=r"larger than 0\.0025 MB") as caught,
        receive(stream, "a.png", session=session, storage=storage, limits=limits),
    ):
        pytest.fail("it was received")
    assert caught.value.code == "file_too_large"
    assert stream.taken == 3000
    assert files(storage.root) == []


def test_a_file_as_large_as_the_limit_is_taken(session: Session, storage: FolderStorage) -> None:
    assert take(session, storage, PNG, limits=UploadLimits(maximum_bytes=len(PNG)))


def test_a_stream_that_breaks_leaves_nothing(session: Session, storage: FolderStorage) -> None:
    class Broken(SlowStream):
        def read(self, size: int = -1) -> bytes:
            if self.taken:
                raise RuntimeError("the browser went away")
            return super().read(size)

    with (
        pytest.raises(RuntimeError),
        receive(Broken(PNG * 100), "a.png", session=session, storage=storage, limits=UploadLimits()),
    ):
        pytest.fail("it was received")
    assert files(storage.root) == []


def test_a_block_that_fails_keeps_the_file_for_the_sweep(session: Session, storage: FolderStorage) -> None:
    with (
        pytest.raises(RuntimeError),
        receive(
            io.BytesIO(PNG), "a.png", session=session, storage=storage, limits=UploadLimits()
        ) as received,
    ):
        raise RuntimeError
    assert files(storage.root) == [storage.local_path(original_key(received.sha256))]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_is_full_at_the_sync_is_told_and_nothing_stays(
    session: Session, storage: FolderStorage, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=os.strerror(code)):
        take(session, storage, PNG)
    assert files(storage.root) == []


def test_a_disk_that_is_full_while_bytes_arrive_is_told(
    session: Session, storage: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "incoming", lambda: Path("/dev/full"))
    # /dev/full is opened, takes a write, and says that there is no space, as a full disk does.
    monkeypatch.setattr(Path, "unlink", lambda *_args, **_options: None)
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: opened(path, mode.replace("x", "w")))
    with pytest.raises(StorageError, match="No space left on device"):
        take(session, storage, PNG)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("a.PNG", True), ("a.b.png", True), ("a.png.exe", False), ("png", False), ("a.png/", False)],
)
def test_the_extension_decides_where_the_extensions_are_limited(
    session: Session, storage: FolderStorage, name: str, allowed: bool
) -> None:
    limits = UploadLimits(allowed_extensions=frozenset({"png", "jpg"}))
    if allowed:
        assert take(session, storage, PNG, name, limits)
        return
    with pytest.raises(UploadRefused, match=r"allowed: jpg, png\.") as caught:
        take(session, storage, PNG, name, limits)
    assert caught.value.code == "extension_not_allowed"
    assert files(storage.root) == []


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("/", "unnamed"),
        ("folder/", "unnamed"),
        ("..", "unnamed"),
        ("....", "unnamed"),
        (" . ", "unnamed"),
        ("", "unnamed"),
        (".htaccess", "htaccess"),
        ("a\0b.png", "a b.png"),
        ("a\r\nSet-Cookie: x.png", "a Set-Cookie: x.png"),
        ("gnp.exe\u202egpj.", "gnp.exe gpj"),
        ("a\u2028b\u200bc", "a b c"),
        ("a  \t b.png ", "a b.png"),
        ("cafe\u0301.png", "caf\u00e9.png"),
        ("\u5199\u771f \U0001f600.png", "\u5199\u771f \U0001f600.png"),
        ("half \udce9.png", "half .png"),
    ],
)
def test_a_name_is_made_fit_to_show(given: str, cleaned: str) -> None:
    assert clean_file_name(given) == cleaned


@pytest.mark.parametrize("length", [254, 255, 256, 300, 5000])
def test_a_long_name_keeps_its_extension(length: int) -> None:
    cleaned = clean_file_name("n" * (length - 4) + ".png")
    assert cleaned.endswith("n.png")
    assert len(cleaned) == min(length, NAME_LENGTH)


@given(st.text(max_size=400))
def test_any_name_becomes_one_that_can_be_stored_and_is_no_path(name: str) -> None:
    cleaned = clean_file_name(name)
    assert 1 <= len(cleaned) <= NAME_LENGTH
    assert "/" not in cleaned
    assert "\\" not in cleaned
    assert cleaned not in (".", "..")
    assert cleaned.encode()
    assert clean_file_name(cleaned) == cleaned


def test_an_accepted_file_is_a_document_that_waits(
    storage: FolderStorage, session: Session, make: Factory
) -> None:
    user = make.user(make.instance())
    with (
        receive(
            io.BytesIO(PNG), "Summer.day.png", session=session, storage=storage, limits=UploadLimits()
        ) as received,
        unit_of_work(session) as work,
    ):
        accept(work, received, instance_id=user.instance_id, owner_id=user.id)
    document = session.scalars(select(Document)).one()
    assert (document.title, document.file_name) == ("Summer.day", "Summer.day.png")
    assert (document.sha256, document.size, document.mime_type) == (received.sha256, len(PNG), "image/png")
    assert document.tagging_state is TaggingState.QUEUED
    assert document.tagging_enqueued_at is not None
    version = session.scalars(select(DocumentVersion)).one()
    assert (version.document_id, version.number, version.sha256) == (document.id, 1, received.sha256)
    assert (version.instance_id, version.created_by_id) == (user.instance_id, user.id)


def test_a_title_can_be_given(storage: FolderStorage, session: Session, make: Factory) -> None:
    instance = make.instance()
    with (
        receive(
            io.BytesIO(PNG), "a.png", session=session, storage=storage, limits=UploadLimits()
        ) as received,
        unit_of_work(session) as work,
    ):
        document = accept(work, received, instance_id=instance.id, owner_id=None, title="t" * 300)
    assert document.title == "t" * 255


def test_a_document_that_is_rolled_back_leaves_its_bytes_and_no_row(
    storage: FolderStorage, session: Session, make: Factory
) -> None:
    instance_id = make.instance().id

    def accept_and_fail(work: UnitOfWork, received: ReceivedFile) -> None:
        accept(work, received, instance_id=instance_id, owner_id=None)
        raise RuntimeError

    with (
        pytest.raises(RuntimeError),
        receive(
            io.BytesIO(PNG), "a.png", session=session, storage=storage, limits=UploadLimits()
        ) as received,
        unit_of_work(session) as work,
    ):
        accept_and_fail(work, received)
    assert session.scalars(select(Document)).all() == []
    assert len(files(storage.root)) == 1
