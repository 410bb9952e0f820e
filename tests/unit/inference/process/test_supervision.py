"""A child is spoken to against a deadline, and its death is described."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from autotag.inference.errors import ProcessCrashed
from autotag.inference.process.supervision import KEPT_LINES, MEMORY_EXIT_CODE, Child

PREAMBLE = "import sys, os, time, json\n"


@pytest.fixture
def start() -> Iterator[Callable[[str], Child]]:
    """Starts a child that runs Python code; it is ended with the test."""
    children: list[Child] = []

    def start_child(code: str) -> Child:
        children.append(Child([sys.executable, "-S", "-c", PREAMBLE + code], {}))
        return children[-1]

    yield start_child
    for child in children:
        child.kill()


def death(child: Child) -> ProcessCrashed:
    with pytest.raises(ProcessCrashed) as caught:
        child.receive(20)
    return caught.value


def test_a_message_comes_back(start: Callable[[str], Child]) -> None:
    child = start("sys.stdout.write(sys.stdin.readline())")

    child.send({"id": 1})

    assert child.receive(20) == {"id": 1}


def test_an_answer_in_pieces_is_put_together(start: Callable[[str], Child]) -> None:
    child = start("""
for piece in ('{"a', '":', ' 1}\\n{"b"', ': 2}\\n'):
    os.write(1, piece.encode())
    time.sleep(0.01)
""")

    assert [child.receive(20), child.receive(20)] == [{"a": 1}, {"b": 2}]


def test_an_answer_larger_than_a_pipe_is_read_whole(start: Callable[[str], Child]) -> None:
    child = start("print(json.dumps({'text': 'x' * 500_000}), flush=True)")

    assert len(child.receive(20)["text"]) == 500_000


def test_silence_ends_in_a_timeout_and_a_dead_child(start: Callable[[str], Child]) -> None:
    child = start("time.sleep(60)")

    begin = time.monotonic()
    with pytest.raises(ProcessCrashed, match=r"within 0\.2 seconds") as caught:
        child.receive(0.2)

    assert caught.value.kind == "timeout"
    assert time.monotonic() - begin < 40
    assert not child.is_running()


def test_chatter_on_standard_error_does_not_extend_the_deadline(start: Callable[[str], Child]) -> None:
    child = start("while True: print('busy', file=sys.stderr, flush=True); time.sleep(0.01)")

    with pytest.raises(ProcessCrashed, match="did not answer"):
        child.receive(0.3)


def test_a_flood_on_standard_error_does_not_block_the_answer(
    start: Callable[[str], Child], caplog: pytest.LogCaptureFixture
) -> None:
    child = start("sys.stderr.write('noise\\n' * 100_000); sys.stderr.flush(); print('{}', flush=True)")

    assert child.receive(20) == {}


def test_standard_error_is_passed_on_for_debugging(
    start: Callable[[str], Child], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "autotag.inference")
    child = start("print('INFO: delegate', file=sys.stderr, flush=True); time.sleep(0.2); print('{}')")

    child.receive(20)

    assert "INFO: delegate" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


def test_an_exit_tells_its_code_and_last_words(start: Callable[[str], Child]) -> None:
    error = death(start("print('first\\nlast', file=sys.stderr); sys.exit(3)"))

    assert (error.kind, error.reason) == (
        "exit",
        "The inference process ended with exit code 3. Its last words: last",
    )


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_signal_is_named(start: Callable[[str], Child], name: str) -> None:
    error = death(start(f"import signal; os.kill(os.getpid(), signal.{name})"))

    assert error.kind == "exit"
    assert name in error.reason


@pytest.mark.parametrize(
    "code",
    [
        f"sys.exit({MEMORY_EXIT_CODE})",
        "raise MemoryError",
        "os.write(2, b\"terminate called after throwing 'std::bad_alloc'\"); os.abort()",
    ],
    ids=["exit code", "python", "c++"],
)
def test_want_of_memory_is_told_from_other_deaths(start: Callable[[str], Child], code: str) -> None:
    assert death(start(code)).kind == "memory"


def test_nonsense_on_the_pipe_is_a_crash(start: Callable[[str], Child]) -> None:
    child = start("print('hello', flush=True); time.sleep(60)")

    assert "nonsense: b'hello'" in death(child).reason
    assert not child.is_running()


def test_writing_to_a_dead_child_is_a_crash(start: Callable[[str], Child]) -> None:
    child = start("sys.exit(4)")
    while child.is_running():
        time.sleep(0.01)

    with pytest.raises(ProcessCrashed, match="exit code 4"):
        child.send({})


def test_the_last_words_are_bounded(start: Callable[[str], Child]) -> None:
    error = death(start("sys.stderr.write('line\\n' * 1000 + 'x' * 100_000); sys.exit(1)"))

    assert len(error.reason) < 1000


def test_only_so_many_lines_are_kept(start: Callable[[str], Child]) -> None:
    code = f"sys.stderr.write('MemoryError\\n' + 'line\\n' * {KEPT_LINES}); sys.exit(1)"

    assert death(start(code)).kind == "exit"


def test_a_command_that_does_not_exist_is_a_crash() -> None:
    with pytest.raises(ProcessCrashed, match="cannot be started"):
        Child(["/no/such/command"], {})


def test_closing_ends_a_child_that_listens(start: Callable[[str], Child]) -> None:
    child = start("sys.stdin.read()")

    child.close()

    assert not child.is_running()


def test_the_child_has_no_environment_but_the_given(
    start: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTAG_SECRET_KEY", "secret")

    environment = start("print(json.dumps(dict(os.environ)), flush=True)").receive(20)

    assert "AUTOTAG_SECRET_KEY" not in environment
    assert os.environ["AUTOTAG_SECRET_KEY"] == "secret"
