from datetime import timedelta

import pytest

from autotag.blueprints.operations.labels import age, duration, money, part_of, seconds_text
from autotag.models.base import utc_now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 day"),
        (200_000, "2 days"),
    ],
)
def test_a_time_span_is_said_in_its_largest_unit(seconds: float, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text


def test_an_age_is_counted_from_now() -> None:
    assert age(utc_now() - timedelta(hours=3)).replace("\u00a0", " ") == "3 h"


@pytest.mark.parametrize(("seconds", "text"), [(0.123, "0.12 s"), (2.51, "2.5 s"), (12.4, "12 s")])
def test_short_times_have_figures_after_the_point(seconds: float, text: str) -> None:
    assert seconds_text(seconds).replace("\u00a0", " ") == text


def test_amounts_are_said_as_people_write_them() -> None:
    assert money(1234.5, "USD").replace("\u00a0", " ") == "USD 1,234.50"
    assert part_of(1200, 5000) == "1,200 of 5,000"
