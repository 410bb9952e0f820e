"""Files that cost too much are refused by the process itself: it need not be killed, and takes the next one.

A process that is killed counts as a crash, and a few crashes disable TensorFlow for the whole installation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autotag.inference.errors import ImageRejected, KeywordsUnwritable
from autotag.inference.keywords import SLOW
from autotag.inference.process.keyword_process import KeywordProcess
from autotag.inference.process.process import ImageRequest, InferenceProcess, Rendition
from tests.unit.inference.costly_files import (
    black_png,
    filled_up_jpeg,
    saved,
    scanned_again,
    small,
    subjects_in_subjects,
    webp_with_packet,
)

MEMORY_LIMIT = 2 * 1024**3
MOST_PIXELS = 8600
# The real children, with less patience, so that a test need not take as long.
HASTY_CHILD = """
import sys
from autotag.inference import keywords
from autotag.inference.process import confinement
from autotag.inference.decoding import decoding
from autotag.inference.process.server import serve
decoding.DECODING_SECONDS = keywords.SECONDS = 0.5
protocol = confinement.take_protocol_stream()
serve(sys.stdin.buffer, protocol, 1)
"""
HASTY_KEYWORDS_CHILD = """
import sys
from autotag.inference import keywords
from autotag.inference.process import confinement
from autotag.inference.process.keyword_server import serve_keywords
keywords.SECONDS = keywords.SECONDS_TO_COPY = 0.05
serve_keywords(sys.stdin.buffer, confinement.take_protocol_stream())
"""

Try = Callable[[bytes], str]


@pytest.fixture(scope="module")
def process() -> Iterator[InferenceProcess]:
    with InferenceProcess(memory_limit_bytes=MEMORY_LIMIT, seconds_per_image=120) as process:
        yield process


@pytest.fixture(scope="module")
def hasty() -> Iterator[InferenceProcess]:
    command = [sys.executable, "-P", "-c", HASTY_CHILD]
    with InferenceProcess(command=command, seconds_per_image=120) as process:
        yield process


def outcome(process: InferenceProcess, folder: Path, content: bytes) -> str:
    """What becomes of a file; the process is the same before and after, and does a good file."""
    path = folder / "file"
    rendition = Rendition(folder / "small.jpg", 64)

    def ask(content: bytes) -> str:
        path.write_bytes(content)
        try:
            result = process.process(ImageRequest(path, None, (rendition,), reads_keywords=True))
        except ImageRejected as error:
            return str(error.code)
        return " ".join(["done", *result.keywords])

    assert ask(saved(small(), "PNG")) == "done"
    pid = process.pid
    said = ask(content)
    assert ask(saved(small(), "PNG")) == "done"
    assert process.pid == pid
    return said


def address_space(pid: int | None) -> int:
    """The most that the process had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPeak:"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # Found to compute for 28 seconds with 400 scans, and to be killed with some more.
        (
            lambda: scanned_again(small("L").resize((MOST_PIXELS, MOST_PIXELS)), 120, progressive=True),
            "too_slow",
        ),
        (lambda: black_png(MOST_PIXELS, MOST_PIXELS, bits=16, colour=6, samples=4), "done"),
        # Pillow needs a pointer for each row, of each copy.
        (lambda: black_png(1, 75_000_000, bits=1), "unreadable_image"),
    ],
    ids=["many scans", "the largest", "as many rows as pixels"],
)
def test_a_picture_as_costly_as_the_limits_allow_keeps_the_process_within_its_memory(
    process: InferenceProcess, tmp_path: Path, content: Callable[[], bytes], said: str
) -> None:
    assert outcome(process, tmp_path, content()) == said
    assert address_space(process.pid) <= MEMORY_LIMIT


def test_a_picture_that_takes_too_long_is_refused(hasty: InferenceProcess, tmp_path: Path) -> None:
    assert outcome(hasty, tmp_path, filled_up_jpeg(12_000_000)) == "too_slow"


def test_metadata_that_take_too_long_make_no_good_picture_bad(
    hasty: InferenceProcess, tmp_path: Path
) -> None:
    good = webp_with_packet(subjects_in_subjects(1, 3))
    assert outcome(hasty, tmp_path, good) == "done a"
    assert outcome(hasty, tmp_path, webp_with_packet(subjects_in_subjects(200, 30_000))) == "done"


def test_metadata_that_take_too_long_take_no_tags(tmp_path: Path) -> None:
    slow, good = tmp_path / "slow.webp", tmp_path / "good.webp"
    slow.write_bytes(webp_with_packet(subjects_in_subjects(100, 60_000)))
    good.write_bytes(webp_with_packet(subjects_in_subjects(1, 3)))

    # In a child, as always: where the end of the time comes in a callback of the garbage collection, Python lets it
    # raise nothing, and the packages of the tests have such callbacks.
    command = [sys.executable, "-P", "-c", HASTY_KEYWORDS_CHILD]
    with KeywordProcess(command=command) as process:
        with pytest.raises(KeywordsUnwritable, match=SLOW):
            process.write(slow, tmp_path / "copy.webp", ["one"])
        process.write(good, tmp_path / "copy.webp", ["one"])
        assert process.read(tmp_path / "copy.webp") == ("one",)
