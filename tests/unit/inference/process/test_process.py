"""The process survives its children: it starts them when needed and keeps nothing of a dead one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotag.inference.errors import ImageRejected, ProcessCrashed, ProcessDisabled, ProcessNotStarted
from autotag.inference.process import process as process_module
from autotag.inference.process.process import ImageRequest, InferenceProcess

# A child that does what the name of the picture says.
CHILD = """
import json, os, sys, time
print(json.dumps({"ready": True}), flush=True)
served = 0
for line in sys.stdin:
    message = json.loads(line)
    wish = os.path.basename(message["request"]["path"])
    served += 1
    if wish == "hang": time.sleep(60)
    if wish == "die": os._exit(9)
    if wish == "slow": time.sleep(0.1)
    if wish == "reject":
        answer = {"error": {"kind": "image", "code": "empty_file", "message": "Empty.", "detail": None}}
    else:
        answer = {"result": {"width": served, "height": os.getpid(), "mime_type": wish, "placeholder": "",
            "predictions": [], "model": None, "model_sha256": None, "runtime": None, "seconds": {}}}
    number = 0 if wish == "mistake" else message["id"]
    print(json.dumps({"id": number, **answer}), flush=True)
"""


@pytest.fixture
def run() -> Iterator[InferenceProcess]:
    command = [sys.executable, "-S", "-c", CHILD]
    with InferenceProcess(command=command, seconds_per_image=20, start_seconds=20) as process:
        yield process


def request(wish: str = "png") -> ImageRequest:
    return ImageRequest(Path(wish), None)


def test_no_child_runs_before_the_first_image(run: InferenceProcess) -> None:
    assert run.pid is None


def test_one_child_serves_all_images(run: InferenceProcess) -> None:
    results = [run.process(request()) for _ in range(3)]

    assert [result.width for result in results] == [1, 2, 3]
    assert {result.height for result in results} == {run.pid}


def test_the_child_is_known_while_it_works(run: InferenceProcess) -> None:
    first = run.process(request()).height
    working = threading.Thread(target=run.process, args=(request("slow"),))
    working.start()

    assert run.pid == first
    working.join()


def test_a_rejected_image_leaves_the_child_alive(run: InferenceProcess) -> None:
    with pytest.raises(ImageRejected, match="Empty"):
        run.process(request("reject"))

    assert run.process(request()).width == 2


@pytest.mark.parametrize("wish", ["die", "mistake"])
def test_after_a_crash_the_next_call_starts_a_new_child(run: InferenceProcess, wish: str) -> None:
    first = run.process(request()).height
    with pytest.raises(ProcessCrashed) as caught:
        run.process(request(wish))

    assert caught.value.kind == "exit"
    assert run.pid is None
    result = run.process(request())
    assert result.width == 1
    assert result.height != first


def test_an_image_that_takes_too_long_costs_the_child(run: InferenceProcess) -> None:
    hanging = run.process(request()).height
    run._seconds_per_image = 0.2

    with pytest.raises(ProcessCrashed, match=r"0\.2 seconds") as caught:
        run.process(request("hang"))

    assert caught.value.kind == "timeout"
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)


def test_an_interrupted_call_leaves_no_answer_for_the_next(run: InferenceProcess) -> None:
    run.process(request())

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    child = run._child
    assert child is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.process(request("gif"))

    assert run.process(request("bmp")).mime_type == "bmp"


def kill_at_rest(process: InferenceProcess) -> None:
    pid = process.process(request()).height
    os.kill(pid, signal.SIGKILL)
    while process.pid is not None:
        time.sleep(0.01)


def test_a_death_between_two_images_is_told_once_and_another_child_starts() -> None:
    deaths: list[ProcessCrashed] = []

    def note(death: ProcessCrashed) -> bool:
        deaths.append(death)
        return True

    with InferenceProcess(command=[sys.executable, "-S", "-c", CHILD], on_death_at_rest=note) as process:
        kill_at_rest(process)
        assert process.process(request()).width == 1
        assert process.process(request()).width == 2
    (death,) = deaths
    assert "ended by SIGKILL" in death.reason
    assert "between two images" in death.reason


def test_after_a_death_between_two_images_no_child_starts_that_must_not() -> None:
    answers = [False, True]
    command = [sys.executable, "-S", "-c", CHILD]
    with InferenceProcess(command=command, on_death_at_rest=lambda _: answers.pop(0)) as process:
        kill_at_rest(process)
        with pytest.raises(ProcessDisabled, match="SIGKILL"):
            process.process(request())
        assert process.pid is None
        assert process.process(request()).width == 1
    assert answers == [True]


def test_a_death_that_could_not_be_counted_is_told_again() -> None:
    told: list[str] = []

    def fail_once(death: ProcessCrashed) -> bool:
        told.append(death.reason)
        if len(told) == 1:
            raise OSError("The database is busy.")
        return True

    with InferenceProcess(command=[sys.executable, "-S", "-c", CHILD], on_death_at_rest=fail_once) as process:
        kill_at_rest(process)
        with pytest.raises(OSError, match="busy"):
            process.process(request())
        assert process.process(request()).width == 1
    assert len(told) == 2
    assert told[0] == told[1]


def test_a_child_that_is_ended_on_purpose_is_no_death() -> None:
    deaths: list[ProcessCrashed] = []

    def note(death: ProcessCrashed) -> bool:
        deaths.append(death)
        return True

    command = [sys.executable, "-S", "-c", CHILD]
    with InferenceProcess(command=command, on_death_at_rest=note) as process:
        process.process(request())
        process.close()
        process.process(request())
        # Killed for time: this one is told by what is raised.
        process._seconds_per_image = 0.2
        with pytest.raises(ProcessCrashed):
            process.process(request("hang"))
        process._seconds_per_image = 20
        process.process(request())
    assert deaths == []


def test_threads_take_turns(run: InferenceProcess) -> None:
    types = [f"type-{number}" for number in range(8)]
    answers: dict[str, str] = {}

    def ask(wish: str) -> None:
        answers[wish] = run.process(request(wish)).mime_type

    threads = [threading.Thread(target=ask, args=(wish,)) for wish in types]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {wish: wish for wish in types}


def test_closing_ends_the_child_and_a_later_call_starts_another(run: InferenceProcess) -> None:
    first = run.process(request()).height

    run.close()

    assert run.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert run.process(request()).height != first


def test_a_child_that_never_says_ready_is_ended() -> None:
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    begin = time.monotonic()

    with InferenceProcess(command=command, start_seconds=0.2) as process:
        with pytest.raises(ProcessNotStarted) as caught:
            process.process(request())
        assert process.pid is None

    assert caught.value.kind == "timeout"
    assert time.monotonic() - begin < 40


def test_a_child_that_says_something_else_first_is_ended() -> None:
    command = [sys.executable, "-S", "-c", "print('{}', flush=True); input()"]

    with (
        InferenceProcess(command=command) as process,
        pytest.raises(ProcessNotStarted, match="did not start"),
    ):
        process.process(request())


def test_after_a_fork_the_child_of_the_parent_is_left_alone(
    run: InferenceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run.process(request()).height
    # As if this were the forked process: another process id than the one that started the child.
    monkeypatch.setattr(process_module.os, "getpid", lambda: -1)

    assert run.pid is None
    second = run.process(request()).height

    assert second != first
    os.waitpid(first, 0)  # it ended by itself, at the end of its input; a kill would show in its status


def environment_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return process_module.child_environment()


def test_the_child_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = environment_with(
        monkeypatch, AUTOTAG_SECRET_KEY="a", AWS_SECRET_ACCESS_KEY="b", DATABASE_URL="c", LANG="C.UTF-8"
    )

    assert environment["LANG"] == "C.UTF-8"
    assert not {"a", "b", "c"} & set(environment.values())
    assert not [name for name in environment if name.startswith("AUTOTAG")]


@pytest.mark.parametrize("in_main_thread", [True, False])
def test_the_child_is_tied_to_the_parent_only_from_the_main_thread(in_main_thread: bool) -> None:
    commands: list[list[str]] = []

    def make() -> None:
        commands.append(InferenceProcess()._default_command())

    if in_main_thread:
        make()
    else:
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()

    assert ("--parent" in commands[0]) is in_main_thread
    assert "autotag.inference" in commands[0]
