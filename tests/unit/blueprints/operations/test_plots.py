from datetime import timedelta

import pytest

from autotag.blueprints.operations.plots import HEIGHT, LEFT, RIGHT, TOP, WIDTH, bar_plot, figure, highest
from autotag.models.base import utc_now
from autotag.operations.throughput import Bar


def bars(*images: int) -> list[Bar]:
    return [Bar(utc_now() + timedelta(minutes=number), count) for number, count in enumerate(images)]


@pytest.mark.parametrize(
    ("images", "top"), [(0, 2), (1, 2), (2, 2), (3, 5), (11, 20), (21, 25), (26, 50), (301, 500), (999, 1000)]
)
def test_an_axis_ends_at_a_round_number(images: int, top: float) -> None:
    assert highest(images) == top


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (2.5, "2.5"), (500, "500"), (1500, "1.5k"), (2_000_000, "2M")]
)
def test_a_figure_is_brief(value: float, text: str) -> None:
    assert figure(value) == text


def test_bars_stand_in_their_order_and_inside() -> None:
    plot = bar_plot(bars(0, 10, 5), 2)
    assert [column.images for column in plot.columns] == [0, 10, 5]
    assert [column.ago for column in plot.columns] == [2, 1, 0]
    none, full, half = plot.columns
    assert none.height == 0
    assert full.y == TOP
    assert half.height == pytest.approx(full.height / 2, abs=0.1)
    assert all(column.x >= LEFT and column.x + column.width <= WIDTH - RIGHT for column in plot.columns)
    assert all(column.y + column.height == pytest.approx(plot.baseline) for column in plot.columns)
    assert plot.baseline < HEIGHT


def test_ticks_say_how_long_ago() -> None:
    assert [tick.text for tick in bar_plot(bars(*range(60)), 15).ticks] == ["45", "30", "15", "now"]
    assert [row.text for row in bar_plot(bars(10), 6).rows] == ["0", "5", "10"]


def test_nothing_to_plot_is_no_fault() -> None:
    assert bar_plot([], 6).columns == ()
