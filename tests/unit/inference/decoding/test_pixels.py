"""Every kind of pixel becomes the right 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from autotag.inference.decoding.pixels import to_rgb


def colour(image: Image.Image, position: tuple[int, int] = (0, 0)) -> Any:
    result = to_rgb(image, reduction=1)
    assert result.mode == "RGB"
    return result.getpixel(position)


@pytest.mark.parametrize(
    ("samples", "greys"),
    [
        (np.array([0, 32768, 65535], np.uint16), [0, 128, 255]),
        (np.array([0, 300, 900], np.uint16), [0, 1, 3]),
        (np.array([0, 128, 255], np.int32), [0, 128, 255]),
        (np.array([0, 32896, 65535], np.int32), [0, 128, 255]),
        (np.array([-100, 0, 100], np.int32), [0, 128, 255]),
        (np.array([0, 600_000, 1_000_000], np.int32), [0, 153, 255]),
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.array([0, 64, 255], np.float32), [0, 64, 255]),
        (np.array([np.nan, np.inf, 1], np.float32), [0, 0, 255]),
        (np.array([0, 0, 0], np.float32), [0, 0, 0]),
    ],
)
def test_wide_samples_are_scaled_not_clipped(samples: Any, greys: list[int]) -> None:
    result = to_rgb(Image.fromarray(samples[np.newaxis]), reduction=1)

    assert np.asarray(result)[0, :, 0].tolist() == greys


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (0, 0, 0, 128), (127, 127, 127)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (100, 255), (100, 100, 100)),
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
    ],
)
def test_a_mode_becomes_its_colour_on_white(mode: str, value: Any, expected: Any) -> None:
    assert colour(Image.new(mode, (2, 2), value)) == pytest.approx(expected, abs=1)


def test_a_palette_with_a_transparent_entry_shows_white_there() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 255, 255, 0, 0])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 0

    assert colour(image) == (255, 255, 255)
    assert colour(image, (1, 0)) == (255, 0, 0)


def test_a_colour_declared_transparent_shows_white() -> None:
    image = Image.new("RGB", (1, 1), (1, 2, 3))
    image.info["transparency"] = (1, 2, 3)

    assert colour(image) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK", "1"])
def test_reducing_divides_each_side(mode: str) -> None:
    assert to_rgb(Image.new(mode, (9, 6)), reduction=3).size == (3, 2)


def test_hidden_colours_do_not_bleed_when_reducing() -> None:
    image = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 1, 2))

    red, _, blue = to_rgb(image, reduction=2).getpixel((0, 0))

    assert (red, blue) == (pytest.approx(127, abs=1), 255)
