"""The confined process for keywords: real children, quick to start, gone with the context."""

import os
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from autotag.inference.errors import KeywordsUnwritable, ProcessCrashed
from autotag.inference.process import keyword_process
from autotag.inference.process.keyword_process import KeywordProcess


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def children() -> list[psutil.Process]:
    """The living children that read keywords; other tests of this process may have some of their own."""
    found = []
    for child in psutil.Process(os.getpid()).children():
        with suppress(psutil.Error):
            if "--keywords" in child.cmdline():
                found.append(child)
    return found


def test_one_child_serves_many_files_and_ends_with_the_context(picture: Path, tmp_path: Path) -> None:
    with KeywordProcess() as process:
        assert children() == []
        assert process.read(picture) == ()
        (child,) = children()
        copy = tmp_path / "copy.jpg"
        process.write(picture, copy, ["Grüße", "日本"])
        assert process.read(copy) == ("Grüße", "日本")
        assert children() == [child]
        assert not {"numpy", "PIL", "flask", "sqlalchemy"} & loaded_by(child)
    assert children() == []


def loaded_by(child: psutil.Process) -> set[str]:
    """The packages of which the child has mapped compiled parts."""
    paths = [mapping.path for mapping in child.memory_maps()]
    return {part for path in paths for part in Path(path).parts}


def test_a_file_that_takes_no_keywords_is_an_answer(tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_bytes(b"This is a letter.")
    with KeywordProcess() as process:
        with pytest.raises(KeywordsUnwritable, match="JPEG, PNG, WebP and TIFF"):
            process.write(other, tmp_path / "copy", ["one"])
        assert process.read(other) == ()


def test_after_a_death_the_next_file_gets_a_new_child(picture: Path) -> None:
    with KeywordProcess() as process:
        process.read(picture)
        children()[0].kill()
        with pytest.raises(ProcessCrashed):
            process.read(picture)
        assert process.read(picture) == ()


def test_a_child_that_does_not_answer_is_killed(picture: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")
    with KeywordProcess(seconds_per_file=0.3) as process, pytest.raises(ProcessCrashed):
        process.read(tmp_path / "never")
    assert children() == []


def test_a_child_that_cannot_start_is_told(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyword_process, "MEMORY_LIMIT_BYTES", 1)
    with KeywordProcess() as process, pytest.raises(ProcessCrashed):
        process.read(picture)
