import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from autotag import guards as module
from autotag.guards import FORGOTTEN_AFTER_SECONDS, LONGEST_PAUSE_SECONDS, Guards, describe, repeat
from tests.conftest import wait_for


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    monkeypatch.setattr(module, "time", Clock)

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    return pass_time


def fail() -> int:
    raise KeyError("x")


def test_a_step_that_works_gives_its_result() -> None:
    guards = Guards()
    assert guards.run("runs", lambda: 5, 0) == 5
    assert guards.failing() == []


def test_a_step_that_raises_is_logged_with_its_traceback_counted_and_told() -> None:
    counted: list[str] = []
    guards = Guards(count=counted.append)
    with capture_logs() as logs:
        assert guards.run("runs", fail, 7, subject="run 3") == 7
    (line,) = logs
    assert (line["step"], line["subject"], line["failures"]) == ("runs", "run 3", 1)
    assert isinstance(line["exc_info"], KeyError)
    assert counted == ["runs"]
    (failing,) = guards.failing()
    assert (failing.step, failing.subject, failing.failures, failing.error) == (
        "runs",
        "run 3",
        1,
        "KeyError: 'x'",
    )


def test_it_rests_longer_each_time_and_no_other_step_does(pass_time: Callable[[float], None]) -> None:
    guards = Guards()
    pauses = []
    for _ in range(8):
        assert guards.run("runs", fail, 0) == 0
        paused = 0
        while guards.rests("runs"):
            assert guards.run("runs", lambda: 1, 0) == 0, "it is not even tried"
            assert guards.run("sweep", lambda: 1, 0) == 1
            assert guards.run("runs", lambda: 1, 0, subject="another") == 1
            pass_time(1)
            paused += 1
        pauses.append(paused)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert max(pauses) == LONGEST_PAUSE_SECONDS
    since = guards.failing()[0].since
    guards.run("runs", fail, 0)
    assert (guards.failing()[0].failures, guards.failing()[0].since) == (9, since)


def test_one_that_works_again_is_told_no_more_and_begins_anew(pass_time: Callable[[float], None]) -> None:
    guards = Guards()
    for _ in range(3):
        guards.run("runs", fail, 0)
        pass_time(60)
    with capture_logs() as logs:
        assert guards.run("runs", lambda: 1, 0) == 1
    assert [line["event"] for line in logs] == ["step works again"]
    assert guards.failing() == []
    guards.run("runs", fail, 0)
    assert guards.failing()[0].failures == 1


def test_trouble_that_passes_is_tried_again_each_second_without_a_traceback(
    pass_time: Callable[[float], None],
) -> None:
    guards = Guards(passing=(ConnectionError,))

    def away() -> int:
        raise ConnectionError("away")

    for _ in range(5):
        with capture_logs() as logs:
            guards.run("runs", away, 0)
        assert logs[0]["exc_info"] is None
        pass_time(1)
        assert not guards.rests("runs")


def test_what_is_gone_is_told_no_more(pass_time: Callable[[float], None]) -> None:
    guards = Guards()
    guards.run("webhooks", fail, 0, subject="webhook 1")
    pass_time(FORGOTTEN_AFTER_SECONDS)
    assert guards.failing()
    pass_time(2)
    assert guards.failing() == []


def test_the_end_of_the_process_passes() -> None:
    def end() -> int:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        Guards().run("runs", end, 0)


def test_a_loop_goes_on_after_an_error() -> None:
    stop, tries = threading.Event(), []

    def step() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("unexpected")

    guards = Guards(longest_pause=0.01)
    thread = threading.Thread(target=repeat, args=("loop", step, 0.01, stop), kwargs={"guards": guards})
    thread.start()
    wait_for(lambda: len(tries) >= 3, "further tries")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 288),
    ],
)
def test_an_error_is_described_in_a_line(error: Exception, text: str) -> None:
    assert describe(error) == text
