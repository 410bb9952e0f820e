"""What the measurements are taken on: pictures that differ, some of them large."""

import io
from collections.abc import Callable
from types import ModuleType

from PIL import Image


def test_pictures_are_all_different_and_one_in_so_many_is_large(
    script: Callable[[str], ModuleType],
) -> None:
    found = script("installation").pictures(9, large_every=4)
    assert len(set(found)) == 9
    sizes = [Image.open(io.BytesIO(content)).size for content in found]
    assert [size == (4000, 3000) for size in sizes] == [False, False, False, True] * 2 + [False]
