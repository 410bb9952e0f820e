import io
import zipfile
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library import download
from autotag.media.library.download import (
    DownloadRefused,
    Entry,
    archive_entries,
    originals,
    safe_name,
    stream_archive,
)
from autotag.media.library.query import DocumentQuery, Selection
from autotag.media.storage.storage import FolderStorage
from autotag.models import Folder, VirtualInstance
from autotag.models.names import fold
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

EVERYTHING = Selection(query=DocumentQuery())


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def folder(sessions: sessionmaker[Session], acme: VirtualInstance) -> Callable[..., int]:
    def folder(name: str, parent: int | None = None) -> int:
        with sessions() as session, unit_of_work(session) as work:
            row = Folder(instance_id=acme.id, parent_id=parent, name=name, normalized_name=fold(name))
            work.session.add(row)
            work.session.flush()
            return row.id

    return folder


def names(session: Session, instance: VirtualInstance, selection: Selection = EVERYTHING) -> list[str]:
    session.rollback()
    return [entry.name for entry in archive_entries(session, instance.id, selection)]


def unpacked(entries: list[Entry], storage: FolderStorage) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(stream_archive(entries, originals(storage))))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_each_file_is_inside_byte_for_byte_stored_and_with_its_checksum(
    storage: FolderStorage, keep: Callable[[bytes], str]
) -> None:
    contents = {"a.jpg": b"one" * 100_000, "b/c.jpg": b"two", "Zürich ☃.jpg": b"three"}
    entries = [Entry(name, keep(content), len(content)) for name, content in contents.items()]
    assert unpacked(entries, storage) == contents
    with zipfile.ZipFile(io.BytesIO(b"".join(stream_archive(entries, originals(storage))))) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_a_file_missing_on_disk_is_named_inside_and_breaks_nothing(
    storage: FolderStorage, keep: Callable[[bytes], str]
) -> None:
    here = Entry("here.jpg", keep(b"here"), 4)
    gone = Entry("Rome/gone.jpg", "f" * 64, 4)
    taken = Entry("missing files.txt", keep(b"mine"), 4)
    found = unpacked([gone, here, taken], storage)
    assert set(found) == {"here.jpg", "missing files.txt", "Missing files (2).txt"}
    assert "Rome/gone.jpg" in found["Missing files (2).txt"].decode()
    assert "here.jpg" not in found["Missing files (2).txt"].decode()


def test_an_archive_of_nothing_but_missing_files_is_an_archive(storage: FolderStorage) -> None:
    assert list(unpacked([Entry("gone.jpg", "f" * 64, 4)], storage)) == ["Missing files.txt"]


def test_what_is_larger_than_32_bits_can_say_is_written_in_the_64_bit_form(
    storage: FolderStorage, keep: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the border at 1,000 bytes instead of 4 GB, in one file and in all together."""
    monkeypatch.setattr("zipstream.ng.ZIP64_LIMIT", 1000)
    contents = {"large.bin": b"x" * 1500, "small.bin": b"y" * 400}
    entries = [Entry(name, keep(content), len(content)) for name, content in contents.items()]
    written = b"".join(stream_archive(entries, originals(storage)))
    # The record that says where the directory lies, in 64 bits.
    assert b"PK\x06\x06" in written
    assert unpacked(entries, storage) == contents
    monkeypatch.undo()
    assert b"PK\x06\x06" not in b"".join(stream_archive(entries, originals(storage)))


def test_nothing_is_read_before_it_is_asked_for(storage: FolderStorage, keep: Callable[[bytes], str]) -> None:
    sha256 = keep(b"x" * 3_000_000)
    stream: Iterator[bytes] = stream_archive(
        [Entry(f"{n}.jpg", sha256, 3_000_000) for n in range(50)], originals(storage)
    )
    assert max(len(chunk) for chunk, _ in zip(stream, range(40), strict=False)) <= download.CHUNK_BYTES


def test_folders_are_kept_without_those_that_all_files_share(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    holidays = folder("Holidays")
    rome, paris = folder("Rome", holidays), folder("Paris", holidays)
    make.document(acme, file_name="a.jpg", folder_id=rome)
    make.document(acme, file_name="b.jpg", folder_id=paris)
    assert names(session, acme) == ["Rome/a.jpg", "Paris/b.jpg"]
    make.document(acme, file_name="c.jpg", folder_id=holidays)
    assert names(session, acme) == ["Rome/a.jpg", "Paris/b.jpg", "c.jpg"]
    make.document(acme, file_name="d.jpg")
    assert names(session, acme)[0] == "Holidays/Rome/a.jpg"


def test_a_name_is_there_once_whatever_its_case_and_never_that_of_a_folder(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    for name in ("a.jpg", "A.jpg", "a (2).jpg", "a.jpg", "Rome"):
        make.document(acme, file_name=name)
    make.document(acme, file_name="a.jpg", folder_id=folder("rome"))
    assert names(session, acme) == [
        "a.jpg",
        "A (2).jpg",
        "a (2) (2).jpg",
        "a (3).jpg",
        "Rome (2)",
        "rome/a.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..", "unnamed"),
        ("C:\\boot.ini", "C__boot.ini"),
        ("a\x00b\n.jpg", "a_b_.jpg"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("console.txt", "console.txt"),
        ("trailing. ", "trailing"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("", "unnamed"),
    ],
)
def test_names_inside_are_ones_that_can_be_unpacked_anywhere(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_extension() -> None:
    short = safe_name("ü" * 250 + ".jpeg")
    assert short.endswith("ü.jpeg")
    assert len(short.encode()) <= download.NAME_BYTES


def test_folders_of_the_archive_are_as_safe_as_its_files(
    session: Session, make: Factory, acme: VirtualInstance, folder: Callable[..., int]
) -> None:
    make.document(acme, file_name="a.jpg", folder_id=folder("what?"))
    make.document(acme, file_name="a.jpg", folder_id=folder("what*"))
    assert names(session, acme) == ["a.jpg", "a (2).jpg"]


def test_documents_of_another_instance_and_of_the_bin_are_not_inside(
    session: Session, make: Factory, acme: VirtualInstance
) -> None:
    ours, later = make.document(acme, file_name="ours.jpg"), make.document(acme)
    theirs = make.document(make.instance("globex"))
    binned = make.document(acme, deleted_at=ours.created_at)
    chosen = Selection(ids=(ours.id, theirs.id, binned.id))
    assert names(session, acme, chosen) == ["ours.jpg"]
    limited = archive_entries(session, acme.id, EVERYTHING, until=ours.id)
    assert [entry.sha256 for entry in limited] == [ours.sha256]
    assert later.id > ours.id
    with pytest.raises(DownloadRefused) as refused:
        archive_entries(session, acme.id, Selection(ids=(theirs.id,)))
    assert refused.value.code == "nothing_selected"


def test_too_many_files_are_refused_with_what_to_do(
    session: Session, make: Factory, acme: VirtualInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST_FILES", 2)
    for _ in range(3):
        make.document(acme)
    with pytest.raises(DownloadRefused, match=r"at most 2 files\. Select fewer"):
        archive_entries(session, acme.id, EVERYTHING)
