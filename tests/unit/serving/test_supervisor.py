"""The supervisor runs here with small shell commands as its parts, and gets real signals."""

import io
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from honcho.printer import Printer

from autotag.serving import supervisor as module
from autotag.serving.forker_client import ForkedPart
from autotag.serving.supervisor import Supervisor
from tests.conftest import wait_for

LONG = "exec sleep 60"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_DELAY_SECONDS", 0.04)
    monkeypatch.setattr(module, "KILL_AFTER_SECONDS", 5.0)


class Run:
    """A supervisor, what it printed, and a signal that is sent when a condition has come true."""

    def __init__(self, **parts: str) -> None:
        self.output = io.StringIO()
        self.supervisor = Supervisor(printer=Printer(self.output, colour=False), needed=("last",))
        for name, command in parts.items():
            self.supervisor.add_process(name, command)

    def until(self, condition: Callable[[], object], number: signal.Signals = signal.SIGINT) -> None:
        """Run until the condition holds, then send this process the signal and let the loop end."""
        threading.Thread(target=self._watch, args=(condition, number), daemon=True).start()
        self.supervisor.loop()

    def _watch(self, condition: Callable[[], object], number: signal.Signals) -> None:
        deadline = time.monotonic() + 10
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    def says(self, text: str, times: int = 1) -> bool:
        return self.output.getvalue().count(text) >= times

    def returncode(self, name: str) -> int:
        code: int = self.supervisor._processes[name]["returncode"]
        return code


def test_the_lines_of_the_parts_carry_their_names() -> None:
    run = Run(web="echo hello; exec sleep 60")
    run.until(lambda: run.says("hello"))
    assert re.search(r"web\s+\| hello", run.output.getvalue())


def test_a_part_that_dies_is_started_again_with_growing_delay() -> None:
    run = Run(worker="exit 3")
    run.until(lambda: run.says("ended", 5))
    delays = re.findall(r"worker ended \(code 3\); starting it again in ([\d.]+) s", run.output.getvalue())
    assert delays[:5] == ["0.01", "0.02", "0.04", "0.04", "0.04"]


def test_a_part_that_dies_leaves_the_others_running(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    run = Run(web=f"echo >> {starts}; {LONG}", worker="exit 1")
    run.until(lambda: run.says("ended", 3))
    assert starts.read_text() == "\n"


def test_after_a_steady_time_the_delay_is_the_first_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEADY_SECONDS", -1.0)
    run = Run(worker="exit 1")
    run.until(lambda: run.says("ended", 3))
    assert run.says("starting it again in 0.01 s", 3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_parts(number: signal.Signals, code: int) -> None:
    run = Run(web=f"echo up; {LONG}", worker=f"echo up; {LONG}")
    run.until(lambda: run.says("up", 2), number)
    assert run.supervisor.returncode == code
    assert [run.returncode(name) for name in ("web", "worker")] == [-signal.SIGTERM] * 2
    assert not run.says("starting it again")


def test_a_part_ends_in_its_own_way_and_is_asked_once(tmp_path: Path) -> None:
    """A second request would make a worker drop the document that it is about to finish."""
    asked = tmp_path / "asked"
    command = f"trap 'echo >> {asked}' TERM; echo up; sleep 0.2; sleep 0.2; exit 5"
    run = Run(worker=command, web=f"echo up; {LONG}")
    run.until(lambda: run.says("up", 2))
    assert run.returncode("worker") == 5
    assert asked.read_text() == "\n"


def test_a_part_that_ignores_the_request_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KILL_AFTER_SECONDS", 0.1)
    run = Run(worker="trap '' TERM; echo up; while :; do sleep 0.05; done")
    run.until(lambda: run.says("up"))
    assert run.returncode("worker") == -signal.SIGKILL


def test_what_the_others_need_ends_after_them(tmp_path: Path) -> None:
    told = tmp_path / "told"
    late = f"trap 'sleep 0.2; echo worker >> {told}; exit' TERM; echo up; while :; do sleep 0.02; done"
    last = f"trap 'echo last >> {told}; exit' TERM; echo up; while :; do sleep 0.02; done"
    run = Run(last=last, worker=late)
    run.until(lambda: run.says("up", 2))
    assert told.read_text().split() == ["worker", "last"]


def test_what_the_others_need_starts_while_something_else_is_done(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    run = Run(last=f"echo last >> {starts}; {LONG}")
    with run.supervisor.needed_starting():
        wait_for(starts.exists, "the start of what the others need")
    run.supervisor.add_process("worker", f"echo worker >> {starts}; echo up; {LONG}")
    run.until(lambda: run.says("up"))
    assert starts.read_text().split() == ["last", "worker"]
    assert run.returncode("last") == -signal.SIGTERM


def test_what_the_others_need_is_ended_when_what_is_done_meanwhile_fails(tmp_path: Path) -> None:
    started = tmp_path / "started"
    run = Run(last=f"echo >> {started}; {LONG}", worker=f"echo up; {LONG}")

    def fail_late() -> NoReturn:
        wait_for(started.exists, "the start of what the others need")
        raise SystemExit(1)

    with pytest.raises(SystemExit), run.supervisor.needed_starting():
        fail_late()
    assert run.returncode("last") == -signal.SIGTERM
    assert not run.says("up")


def test_without_a_part_that_the_others_need_a_failure_ends_at_once() -> None:
    run = Run(worker=LONG)
    with pytest.raises(SystemExit), run.supervisor.needed_starting():
        raise SystemExit(1)
    assert not run.says("worker")


def test_while_a_part_waits_for_its_restart_the_signal_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_SECONDS", 60.0)
    run = Run(worker="exit 1")
    began = time.monotonic()
    run.until(lambda: run.says("ended"))
    assert time.monotonic() - began < 40


def test_a_command_that_is_not_there_is_tried_again() -> None:
    run = Run(worker="exec /nowhere/at-all 2>/dev/null")
    run.until(lambda: run.says("ended (code 127)", 2))
    assert run.supervisor.returncode == 0


def test_a_part_of_its_own_kind_is_started_by_who_can() -> None:
    run = Run()
    command = ["sh", "-c", "echo hello; exit 3"]
    part = partial(subprocess.Popen, command, stdout=subprocess.PIPE, start_new_session=True)
    run.supervisor.add_part("web", part)
    run.until(lambda: run.says("web ended (code 3)"))
    assert run.says("hello")


def test_a_part_that_cannot_be_started_is_told_and_tried_again() -> None:
    run = Run()

    def refuse() -> ForkedPart:
        raise BlockingIOError(11, "no more processes")

    run.supervisor.add_part("web", refuse)
    run.until(lambda: run.says("cannot be started: [Errno 11] no more processes", 2))
    assert run.says("web ended (code 71); starting it again", 2)


def test_a_line_that_cannot_be_printed_ends_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(web="echo odd; echo fine; exec sleep 60")
    write = run.supervisor._printer.write

    def fail_once(event: Any) -> None:
        if "odd" in str(event.data):
            raise UnicodeError("odd")
        write(event)

    monkeypatch.setattr(run.supervisor._printer, "write", fail_once)
    run.until(lambda: run.says("fine"))
    assert run.says("fine")


def test_a_part_whose_start_raises_is_started_again() -> None:
    run = Run()
    errors = [RuntimeError("unexpected"), KeyError("again")]

    def start() -> subprocess.Popen[bytes]:
        if errors:
            raise errors.pop()
        return subprocess.Popen(["/bin/sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE)

    run.supervisor.add_part("web", start)
    run.until(lambda: run.says("up"))
    assert errors == []
    assert run.says("cannot be started", 2)
