"""The measurement of the pace: that it compares what was measured together."""

from collections.abc import Callable
from types import ModuleType

import pytest


def test_a_ratio_is_taken_within_each_pair(script: Callable[[str], ModuleType]) -> None:
    ratio_of = script("throughput").ratio_of
    # A machine that is half as fast for a while slows both, which is no news.
    assert ratio_of([80.0, 40.0, 81.0], [100.0, 50.0, 100.0]) == pytest.approx(0.8)
