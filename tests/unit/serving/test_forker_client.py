"""A real fork server whose commands are lines of Python, and what whoever supervises them sees of it."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from autotag.serving.forker_client import ForkedPart, Forker
from tests.conftest import wait_for

MODULE = """
import sys
from autotag.serving.fork_server import ForkServer
server = ForkServer.from_arguments(sys.argv[1:])
arguments = server.serve({rests_after})
if arguments is None:
    server.become("autotag.serving.idle_forker", "small_forker")
if arguments:
    exec(arguments[0])
"""
SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
PATIENCE_SECONDS = 20.0


@pytest.fixture(params=[None, 0.0], ids=["never rests", "rests at once"])
def forker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Forker]:
    (tmp_path / "small_forker.py").write_text(MODULE.format(rests_after=request.param))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    with closing(Forker("small_forker")) as forker:
        yield forker


@pytest.fixture
def sleeping(forker: Forker) -> Iterator[ForkedPart]:
    """A part that has said that it runs."""
    part = forker.start([SLEEPS])
    assert part.stdout.readline() == b"up\n"
    yield part
    if part.returncode is None:
        os.killpg(part.pid, signal.SIGKILL)
        finish(part)


def finish(part: ForkedPart) -> tuple[bytes, int]:
    with part.stdout:
        said = part.stdout.read()
    return said, part.wait()


def test_what_a_part_says_and_how_it_ends(forker: Forker) -> None:
    part = forker.start(["import os; print(os.getpid()); sys.stderr.write('oh'); sys.exit(7)"])
    said, code = finish(part)
    assert (sorted(said.split()), code) == (sorted([str(part.pid).encode(), b"oh"]), 7)
    assert part.wait() == part.returncode == 7


def test_errors_can_go_elsewhere(forker: Forker) -> None:
    reading, writing = os.pipe()
    part = forker.start(["sys.stderr.write('oh'); print('hello')"], errors=writing)
    os.close(writing)
    assert finish(part) == (b"hello\n", 0)
    with os.fdopen(reading) as errors:
        assert errors.read() == "oh"


def test_a_part_that_fails_says_where(forker: Forker) -> None:
    said, code = finish(forker.start(["1 / 0"]))
    assert code == 1
    assert b"ZeroDivisionError" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_a_part_in_the_usual_way(sleeping: ForkedPart, number: signal.Signals) -> None:
    """SIGINT in Python's own way: KeyboardInterrupt, after which it dies of the signal."""
    os.killpg(sleeping.pid, number)
    assert finish(sleeping)[1] == -number


def test_parts_hold_nothing_of_each_other(forker: Forker, sleeping: ForkedPart) -> None:
    said, _ = finish(forker.start(["import os; print(*os.listdir('/proc/self/fd'))"]))
    # The last one is the listing itself.
    assert sorted(map(int, said.split()))[:3] == [0, 1, 2]
    assert len(said.split()) == 4


def test_many_can_be_asked_for_at_once(forker: Forker) -> None:
    said: dict[int, tuple[bytes, int]] = {}

    def ask(number: int) -> None:
        said[number] = finish(forker.start([f"print({number}); sys.exit({number})"]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert said == {number: (f"{number}\n".encode(), number) for number in range(12)}


def server_of(part: ForkedPart) -> psutil.Process:
    server = psutil.Process(part.pid).parent()
    assert server is not None
    return server


def rest(server: psutil.Process) -> None:
    """Wait until the server rests."""
    wait_for(lambda: server.cmdline()[:1] == ["autotag forker"], "its rest", PATIENCE_SECONDS)


@pytest.mark.parametrize("forker", [0.0], indirect=True)
def test_a_server_that_rests_is_the_same_process_and_knows_its_parts(
    forker: Forker, sleeping: ForkedPart
) -> None:
    server = server_of(sleeping)
    for _ in range(2):
        rest(server)
        other = forker.start([SLEEPS])
        assert other.stdout.readline() == b"up\n"
        assert server_of(other) == server
        rest(server)
        os.killpg(other.pid, signal.SIGKILL)
        assert finish(other) == (b"", -signal.SIGKILL)
    assert psutil.Process(sleeping.pid).status() != psutil.STATUS_ZOMBIE
    os.killpg(sleeping.pid, signal.SIGKILL)
    assert finish(sleeping) == (b"", -signal.SIGKILL)


def test_when_the_server_dies_its_parts_end_and_the_next_is_started_all_the_same(
    forker: Forker, sleeping: ForkedPart
) -> None:
    server = server_of(sleeping)
    server.kill()
    assert finish(sleeping) == (b"", -signal.SIGTERM)
    forker._process.wait(PATIENCE_SECONDS)
    assert finish(forker.start(["print('again')"])) == (b"again\n", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_is_ended_by_its_owner_alone(
    forker: Forker, sleeping: ForkedPart, number: signal.Signals
) -> None:
    server_of(sleeping).send_signal(number)
    assert finish(forker.start(["print('still here')"])) == (b"still here\n", 0)
    assert psutil.Process(sleeping.pid).status() != psutil.STATUS_ZOMBIE


def test_closing_ends_what_is_left(forker: Forker, sleeping: ForkedPart) -> None:
    forker.close()
    assert finish(sleeping) == (b"", -signal.SIGTERM)


def test_what_cannot_be_started_is_told() -> None:
    with closing(Forker("no_such_module")) as forker:
        forker._process.wait(PATIENCE_SECONDS)
        with pytest.raises(OSError, match=r"it could not be forked|Broken pipe|reset"):
            forker.start(["print()"])
