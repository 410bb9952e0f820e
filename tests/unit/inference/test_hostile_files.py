"""Hostile files against the real processes with their limits on: each is tagged or refused with a stable code, the
memory stays below its limit, and the same process takes the next good file.

`make hostile` tries many more mutations, other ones each time; see CONTRIBUTING.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotag.inference.errors import ImageCode, ImageRejected, KeywordsUnwritable
from autotag.inference.installing.store import ModelStore
from autotag.inference.process import keyword_process
from autotag.inference.process.keyword_process import KeywordProcess
from autotag.inference.process.process import ImageRequest, InferenceProcess, Rendition
from tests.unit.inference.hostile_files import BY_HAND, STEPS, TAGGED, Hostile, mutated, seeds

MORE = os.environ.get("HOSTILE_EXAMPLES")
EXAMPLES = int(MORE or 50)
MEMORY_LIMIT = 2 * 1024**3
"""What `autotag worker` gives the process."""

LESS_MEMORY = 700 * 1024**2
"""Less than a large picture takes, so that running out of memory is tried as well."""

KEYWORDS = ["Grüße", "x" * 300]


@dataclass
class Room:
    """One TensorFlow process and one for keywords, for all files of this module, and what they came to."""

    folder: Path
    process: InferenceProcess
    keywords: KeywordProcess
    model: Path | None = None
    memory_limit: int = MEMORY_LIMIT
    pids: tuple[int | None, int | None] = (None, None)

    def outcome(self, content: bytes, name: str = "file", *, model: Path | None = None) -> str:
        """Do with a file all that is done with an upload; return `tagged` or the code of the refusal."""
        path = self.folder / name
        path.write_bytes(content)
        rendition = Rendition(self.folder / "rendition.jpg", 64)
        request = ImageRequest(path, model, (rendition,), reads_keywords=True)
        try:
            result = self.process.process(request)
        except ImageRejected as error:
            return said(ImageCode(error.code), error.message)
        finally:
            path.unlink()
        assert 0 < result.width * result.height <= request.maximum_pixels
        assert rendition.path.read_bytes().startswith(b"\xff\xd8\xff")
        assert all(label and 0 < len(fact) < 200 for label, fact in result.exif.items())
        assert all(0 < len(keyword) <= 255 for keyword in result.keywords)
        return TAGGED

    def copy(self, content: bytes, name: str = "file") -> bytes | None:
        """Return a copy with keywords written, as for a download, or None for a file that takes none."""
        path, target = self.folder / name, self.folder / "copy"
        path.write_bytes(content)
        try:
            self.keywords.read(path)
            self.keywords.write(path, target, KEYWORDS)
            assert self.keywords.read(target)
            return target.read_bytes()
        except KeywordsUnwritable as error:
            said("", error.message)
            return None
        finally:
            path.unlink()
            target.unlink(missing_ok=True)

    def assert_well(self) -> None:
        """Both are the processes of the beginning, have kept their limits, and do a good file."""
        assert self.outcome(seeds()["rgb.png"]) == TAGGED
        assert self.copy(seeds()["rgb.png"])
        child = self.keywords._child
        assert child is not None
        pids = (self.process.pid, child.pid)
        assert self.pids in (pids, (None, None)), "a process died"
        self.pids = pids
        for pid, limit in zip(pids, (self.memory_limit, keyword_process.MEMORY_LIMIT_BYTES), strict=True):
            assert pid is not None
            assert psutil.Process(pid).rlimit(psutil.RLIMIT_AS)[0] == limit
            assert memory(pid, "VmPeak") <= limit


def said(code: str, message: str) -> str:
    """The code of a refusal whose message is one sentence."""
    assert message.endswith("."), message
    assert "\n" not in message
    return code


def memory(pid: int, what: str) -> int:
    """Bytes, as the kernel counts: `VmPeak` of address space, `VmHWM` of memory in use, both at the most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what + ":"))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with InferenceProcess(memory_limit_bytes=MEMORY_LIMIT) as process, KeywordProcess() as keywords:
        yield Room(tmp_path_factory.mktemp("hostile"), process, keywords)


@pytest.fixture(scope="module")
def small_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with InferenceProcess(memory_limit_bytes=LESS_MEMORY) as process, KeywordProcess() as keywords:
        yield Room(tmp_path_factory.mktemp("small"), process, keywords, memory_limit=LESS_MEMORY)


@pytest.fixture(scope="module")
def model(models: ModelStore) -> Path:
    (name,) = (model.name for model in models.installed())
    return models.path(name)


@pytest.mark.parametrize("file", BY_HAND, ids=lambda file: file.name)
def test_a_file_made_to_harm_is_tagged_or_refused_and_the_next_is_tagged(
    room: Room, model: Path, file: Hostile
) -> None:
    room.assert_well()
    content = file.make()
    assert room.outcome(content, file.name, model=model) in file.outcomes
    copy = room.copy(content, file.name)
    if copy is not None and TAGGED in file.outcomes:
        assert room.outcome(copy) in file.outcomes
    room.assert_well()


@pytest.mark.parametrize("name", seeds())
def test_a_file_cut_off_anywhere_is_tagged_or_refused(room: Room, name: str) -> None:
    room.assert_well()
    content = seeds()[name]
    assert room.outcome(content, name) == TAGGED
    for length in range(1, len(content), max(1, len(content) // 24)):
        room.outcome(content[:length], name)
        room.copy(content[:length], name)
    room.assert_well()


STEP = st.tuples(
    st.sampled_from(STEPS), st.floats(0, 1, exclude_max=True), st.floats(0, 1), st.integers(0, 0xFFFF)
)
NAMES = st.sampled_from(sorted(seeds()))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not MORE,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(name=NAMES, other=NAMES, steps=st.lists(STEP, min_size=1, max_size=6))
def test_a_file_changed_at_random_is_tagged_or_refused(
    small_room: Room, name: str, other: str, steps: list[tuple[str, float, float, int]]
) -> None:
    content = mutated(seeds()[name], steps, seeds()[other])
    outcome = small_room.outcome(content, name)
    copy = small_room.copy(content, name)
    if copy is not None and outcome == TAGGED:
        assert small_room.outcome(copy, name) == TAGGED
    small_room.assert_well()
