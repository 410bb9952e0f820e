"""Small bar plots as SVG: the server works out where each bar and each figure stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from autotag.blueprints.operations import blueprint
from autotag.operations.throughput import Bar

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 36, 8, 26, 38
GAP = 0.25
"""The part of a bar's place that stays empty."""

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure at an axis: where, and what."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """A bar: its rectangle, and how many units of time ago it was."""

    x: float
    y: float
    width: float
    height: float
    ago: int
    images: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of a fixed size; `baseline` is where the bars stand."""

    columns: tuple[Column, ...]
    rows: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    baseline: int = HEIGHT - BOTTOM


@blueprint.app_template_global()
def bar_plot(bars: Sequence[Bar], every: int) -> Plot:
    """Lay out bars, the newest at the right, with a figure below `every` so many of them."""
    top = highest(max((bar.images for bar in bars), default=0))
    place = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    room = HEIGHT - BOTTOM - TOP
    columns = []
    for number, bar in enumerate(bars):
        height = round(room * bar.images / top, 1)
        columns.append(
            Column(
                x=round(LEFT + place * (number + GAP / 2), 1),
                y=round(HEIGHT - BOTTOM - height, 1),
                width=round(place * (1 - GAP), 1),
                height=height,
                ago=len(bars) - 1 - number,
                images=bar.images,
            )
        )
    rows = [Mark(HEIGHT - BOTTOM - room * share, figure(top * share)) for share in (0, 0.5, 1)]
    ticks = [
        Mark(round(column.x + column.width / 2, 1), str(column.ago) if column.ago else "now")
        for column in columns
        if column.ago % every == 0
    ]
    return Plot(tuple(columns), tuple(rows), tuple(ticks))


def highest(images: int) -> float:
    """Return a round number that is not below a count, for the top of an axis: 2, 5, 10, 20, 25, 50."""
    size = 1
    while True:
        for step in _STEPS:
            if step * size >= max(images, 2):
                return step * size
        size *= 10


def figure(value: float) -> str:
    """Write a figure of an axis briefly: 0.5, 20, 1.5k, 2M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
