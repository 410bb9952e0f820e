"""Copies with tags: made by a real confined process, gone afterwards, and never the stored original."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from autotag.inference.keywords import read_keywords
from autotag.inference.process.keyword_process import KeywordProcess
from autotag.media.library.download import Entry
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.tagging.document_tags.tagged_copies import TaggedCopies, TagsNotWritten, stream_tagged_archive
from autotag.tagging.document_tags.tags_for_copies import DocumentTags

CAT = DocumentTags(("cat",))
Keep = Callable[[bytes], str]


@pytest.fixture
def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def process() -> Iterator[KeywordProcess]:
    with KeywordProcess() as started:
        yield started


def incoming(storage: FolderStorage) -> list[Path]:
    return list((storage.root / "incoming").iterdir())


def test_the_copy_has_the_tags_and_goes_and_the_original_stays(
    storage: FolderStorage, keep: Keep, picture: bytes, process: KeywordProcess
) -> None:
    sha256 = keep(picture)
    with TaggedCopies(storage, process).copy(sha256, CAT) as path:
        assert read_keywords(path) == ("cat",)
    assert incoming(storage) == []
    assert hashlib.sha256(storage.local_path(original_key(sha256)).read_bytes()).hexdigest() == sha256


def test_a_file_that_takes_no_tags_leaves_nothing_behind(
    storage: FolderStorage, keep: Keep, process: KeywordProcess
) -> None:
    sha256 = keep(b"\x89PNG\r\n\x1a\n and no picture")
    with pytest.raises(TagsNotWritten), TaggedCopies(storage, process).copy(sha256, CAT):
        pass
    assert incoming(storage) == []
    with pytest.raises(FileNotFoundError), TaggedCopies(storage, process).copy("0" * 64, CAT):
        pass


def test_a_process_that_died_is_told_in_words(
    storage: FolderStorage, keep: Keep, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = keep(picture)
    from autotag.inference.process import keyword_process

    monkeypatch.setattr(keyword_process, "MEMORY_LIMIT_BYTES", 1)
    with (
        KeywordProcess() as process,
        pytest.raises(TagsNotWritten, match="could not be worked on"),
        TaggedCopies(storage, process).copy(sha256, CAT),
    ):
        pass


def test_an_archive_has_copies_and_what_takes_no_tags_as_it_is(
    storage: FolderStorage, keep: Keep, picture: bytes, tmp_path: Path
) -> None:
    letter, broken = b"a letter", b"\x89PNG\r\n\x1a\n and no picture"
    entries = [
        Entry("a.png", keep(picture), len(picture), 1, "image/png"),
        Entry("letter.txt", keep(letter), len(letter), 2, "text/plain"),
        Entry("broken.png", keep(broken), len(broken), 3, "image/png"),
        Entry("missing.png", "0" * 64, 1, 4, "image/png"),
    ]
    tags = dict.fromkeys(range(1, 5), CAT)
    content = b"".join(stream_tagged_archive(entries, storage, tags))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.png", "letter.txt", "broken.png", "Missing files.txt"]
        copy = Path(archive.extract("a.png", tmp_path))
        assert read_keywords(copy) == ("cat",)
        assert (archive.read("letter.txt"), archive.read("broken.png")) == (letter, broken)
    assert incoming(storage) == []
