"""The real child: it confines itself, survives bad images, and dies without taking anybody with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from autotag.inference.errors import ImageRejected, ModelRejected, ProcessCrashed, RenditionFailed
from autotag.inference.process.process import PACKAGE_ROOT, ImageRequest, InferenceProcess, Rendition

# Starts a child as a worker would, tells its id, and waits to be killed.
PARENT = """
import sys, time
from pathlib import Path
from autotag.inference.process.process import ImageRequest, InferenceProcess
process = InferenceProcess()
process.process(ImageRequest(Path(sys.argv[1]), None))
print(process.pid, flush=True)
time.sleep(60)
"""


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A child whose parent was killed may wait to be collected by whoever inherits it.
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True


@pytest.fixture(scope="module")
def large_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 64 megapixels, half a second or so to decode."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.new("RGB", (8000, 8000), "navy").save(path, compress_level=1)
    return path


def test_the_child_shows_what_it_is_and_holds_its_limits(process: InferenceProcess, picture: Path) -> None:
    process.process(ImageRequest(picture, None))

    assert process.pid is not None
    assert "autotag.inference" in command_line(process.pid)
    limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
    soft = {line[:26].strip(): line[26:].split()[0] for line in limits[1:]}
    assert (soft["Max address space"], soft["Max core file size"]) == (str(2 * 1024**3), "0")


def test_the_child_knows_no_secret(
    process: InferenceProcess, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTAG_SECRET_KEY", "secret")
    process.process(ImageRequest(picture, None))

    assert b"AUTOTAG" not in Path(f"/proc/{process.pid}/environ").read_bytes()


def test_bad_images_models_and_renditions_are_answers_from_one_child(
    process: InferenceProcess, picture: Path, model: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    process.process(ImageRequest(picture, model))
    first = process.pid

    with pytest.raises(ImageRejected, match="not an image"):
        process.process(ImageRequest(text, model))
    with pytest.raises(ModelRejected, match="no model"):
        process.process(ImageRequest(picture, tmp_path / "absent"))
    with pytest.raises(RenditionFailed):
        process.process(ImageRequest(picture, None, (Rendition(tmp_path / "absent" / "p.jpg", 10),)))

    result = process.process(ImageRequest(picture, model, (Rendition(tmp_path / "p.jpg", 60),)))
    assert result.model == "efficientnet-lite0"
    with Image.open(tmp_path / "p.jpg") as rendition:
        assert rendition.size == (60, 40)
    assert process.pid == first


def test_a_child_killed_between_images_is_replaced_and_no_image_is_blamed(
    process: InferenceProcess, picture: Path
) -> None:
    process.process(ImageRequest(picture, None))
    killed = process.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    while process.pid is not None:
        time.sleep(0.001)

    assert process.process(ImageRequest(picture, None)).width == 300
    assert process.pid not in (None, killed)


def test_a_child_killed_during_an_image_is_a_crash_and_is_replaced(
    process: InferenceProcess, picture: Path, large_picture: Path
) -> None:
    process.process(ImageRequest(picture, None))
    assert process.pid is not None
    killer = threading.Timer(0.05, os.kill, (process.pid, signal.SIGKILL))
    killer.start()

    with pytest.raises(ProcessCrashed, match="SIGKILL"):
        process.process(ImageRequest(large_picture, None))
    killer.join()

    assert process.process(ImageRequest(picture, None)).width == 300


def test_an_image_that_takes_too_long_is_ended(picture: Path, large_picture: Path) -> None:
    with InferenceProcess(seconds_per_image=0.05) as process:
        with pytest.raises(ProcessCrashed) as caught:
            process.process(ImageRequest(large_picture, None))

        assert caught.value.kind == "timeout"
        # A busy machine may need longer than that for any picture at all.
        process._seconds_per_image = 30
        assert process.process(ImageRequest(picture, None)).width == 300


def test_a_memory_bomb_is_an_answer_and_the_child_lives(picture: Path, large_picture: Path) -> None:
    with InferenceProcess(memory_limit_bytes=300 * 1024**2) as process:
        process.process(ImageRequest(picture, None))
        first = process.pid

        with pytest.raises(ImageRejected, match="more memory") as caught:
            process.process(ImageRequest(large_picture, None))

        assert (caught.value.code, caught.value.detail) == ("unreadable_image", "MemoryError")
        assert process.process(ImageRequest(picture, None)).width == 300
        assert process.pid == first


def test_a_limit_too_small_to_start_is_a_crash_for_memory(picture: Path) -> None:
    with InferenceProcess(memory_limit_bytes=40 * 1024**2) as process:
        with pytest.raises(ProcessCrashed) as caught:
            process.process(ImageRequest(picture, None))

        assert caught.value.kind == "memory"


@pytest.mark.parametrize("mode", ["RGBA", "I;16"])
def test_the_largest_allowed_picture_fits_the_default_memory(
    process: InferenceProcess, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "largest.png"
    Image.new(mode, (8660, 8660)).save(path, compress_level=1)

    assert process.process(ImageRequest(path, None)).width == 8660


def test_an_interrupt_from_the_terminal_does_not_reach_the_child(
    process: InferenceProcess, picture: Path
) -> None:
    process.process(ImageRequest(picture, None))
    assert process.pid is not None
    first = process.pid
    os.kill(first, signal.SIGINT)

    process.process(ImageRequest(picture, None))

    assert process.pid == first


def test_the_child_dies_with_its_parent(picture: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(picture)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert "autotag.inference" in command_line(child)
        parent.kill()

    wait_until(lambda: has_ended(child))


def test_a_native_print_does_not_break_the_protocol(picture: Path, tmp_path: Path) -> None:
    # The real child, but with a model runtime that prints to descriptor 1 whenever an image is decoded.
    noisy = tmp_path / "noisy.py"
    noisy.write_text(
        "import os, sys\n"
        "from PIL import Image\n"
        "opened = Image.open\n"
        "def noisy(*arguments, **options):\n"
        "    os.write(1, b'native noise {\"id\": 1}\\n')\n"
        "    print('python noise', flush=True)\n"
        "    return opened(*arguments, **options)\n"
        "Image.open = noisy\n"
        "from autotag.inference.__main__ import main\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, str(noisy), "--memory-limit", str(2 * 1024**3)]

    with InferenceProcess(command=command) as process:
        widths = [process.process(ImageRequest(picture, None)).width for _ in range(3)]

    assert widths == [300, 300, 300]


def test_another_program_does_not_hold_the_pipe_of_the_child_open(picture: Path) -> None:
    with InferenceProcess() as process:
        process.process(ImageRequest(picture, None))
        child = process.pid
        assert child is not None
        # Another program started meanwhile inherits no end of the child's pipes.
        bystander = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(60)"], close_fds=False
        )
        try:
            begin = time.monotonic()
            process.close()
            assert time.monotonic() - begin < 1.5
            assert has_ended(child)
        finally:
            bystander.kill()
            bystander.wait()
