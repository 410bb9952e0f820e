"""Pages of a real mapping, as the kernel counts them."""

import mmap
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotag.inference.installing.default_model import verify
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import DEFAULT_MODEL
from autotag.inference.models.model import MODEL_FILE
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.mapped_files import release_pages

SIZE = 4 << 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a model.tflite"
    path.write_bytes(b"\x07" * SIZE)
    return path


def mapped(file: Path, access: int) -> Iterator[mmap.mmap]:
    with file.open("r+b") as stream, mmap.mmap(stream.fileno(), 0, access=access) as mapping:
        assert sum(mapping[:: mmap.PAGESIZE]) == 7 * SIZE // mmap.PAGESIZE
        yield mapping


@pytest.fixture
def read(file: Path) -> Iterator[mmap.mmap]:
    yield from mapped(file, mmap.ACCESS_READ)


@pytest.fixture
def changed(file: Path) -> Iterator[mmap.mmap]:
    """A mapping with a change that is in memory alone."""
    for mapping in mapped(file, mmap.ACCESS_COPY):
        mapping[5] = 9
        yield mapping


def resident(file: Path) -> int:
    """Bytes of the file that this process holds in memory."""
    found = re.search(
        rf"{re.escape(str(file))}\n.*?^Rss: +(\d+) kB",
        Path("/proc/self/smaps").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return int(found[1]) * 1024 if found else 0


def test_pages_are_let_go_and_read_again_from_the_file(file: Path, read: mmap.mmap) -> None:
    assert resident(file) == SIZE
    assert release_pages(file) == SIZE
    assert resident(file) == 0
    assert read[SIZE // 2] == 7


def test_a_file_may_be_named_by_another_way(file: Path, read: mmap.mmap) -> None:
    other = file.parent / "link"
    other.symlink_to(file.parent)
    assert release_pages(other / file.name) == SIZE
    assert read[0] == 7


def test_what_somebody_may_have_written_is_left_alone(file: Path, changed: mmap.mmap) -> None:
    assert release_pages(file) == 0
    assert changed[5] == 9


@pytest.mark.usefixtures("read")
def test_other_files_are_left_alone(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"x")
    assert release_pages(other) == 0
    assert resident(file) == SIZE


def test_a_loaded_model_answers_without_the_pages_of_its_file(models: ModelStore) -> None:
    file = models.path(DEFAULT_MODEL) / MODEL_FILE
    classifier = Classifier(models.path(DEFAULT_MODEL))
    verify(classifier)
    # What the kernel maps at once around something that is read again may be 2 MB.
    assert resident(file) < file.stat().st_size / 4
