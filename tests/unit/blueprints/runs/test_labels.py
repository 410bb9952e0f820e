import pytest

from autotag.blueprints.runs.labels import (
    covered_images,
    images_a_second,
    run_announcement,
    run_state,
    time_left,
)
from autotag.models import RunItemState, RunScope, RunState, TaggingRun
from autotag.models.base import utc_now
from autotag.tagging.runs.lifecycle import Covered
from autotag.tagging.runs.progress import RunCounts, RunProgress


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.01, "1 image a minute"),
        (0.5, "30 images a minute"),
        (1.0, "1.0 images a second"),
        (4.24, "4.2 images a second"),
        (1234.6, "1,235 images a second"),
    ],
)
def test_a_rate_in_words(rate: float, text: str) -> None:
    assert images_a_second(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "less than a minute left"),
        (61, "about 1 minute left"),
        (600, "about 10 minutes left"),
        (3600, "about 1 hour left"),
        (9000, "about 2 hours left"),
    ],
)
def test_the_time_left_in_words(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


def test_a_run_that_is_being_undone_says_so() -> None:
    run = TaggingRun(scope=RunScope.ALL, state=RunState.UNDONE)
    assert run_state(run).text == "Being undone"
    run.finished_at = utc_now()
    assert run_state(run).text == "Undone"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (RunState.FINISHED, "Finished: 3 of 5 done, 2 failed"),
        (RunState.UNDONE, "The run is undone"),
    ],
)
def test_how_a_run_ended_is_announced(state: RunState, text: str) -> None:
    counts = RunCounts(5, {RunItemState.DONE: 3, RunItemState.FAILED: 2})
    run = TaggingRun(scope=RunScope.ALL, state=state)
    assert run_announcement(RunProgress(run, counts, None, None, ())) == text


@pytest.mark.parametrize(
    ("covered", "text"),
    [
        (Covered(1, False), "1 image"),
        (Covered(0, False), "0 images"),
        (Covered(1234, True), "at least 1,234 images"),
        (Covered(0, True), "not counted, there are many files"),
    ],
)
def test_how_many_images_a_run_would_cover(covered: Covered, text: str) -> None:
    assert covered_images(covered) == text
