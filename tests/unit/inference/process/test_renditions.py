"""Renditions are small, clean, whole, and never larger than the original."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from autotag.inference.errors import RenditionFailed
from autotag.inference.messages import Rendition
from autotag.inference.process.renditions import fitted_size, write_renditions


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_each_rendition_has_its_longest_side(corners: Image.Image, tmp_path: Path) -> None:
    small, large = Rendition(tmp_path / "s.jpg", 50), Rendition(tmp_path / "l.jpg", 200)

    write_renditions(corners, corners.size, [small, large])

    assert size_of(small.path) == (50, 30)
    with Image.open(large.path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (200, 120))
        assert picture.getpixel((5, 5)) == pytest.approx((255, 0, 0), abs=8)


def test_nothing_is_upscaled(corners: Image.Image, tmp_path: Path) -> None:
    write_renditions(corners, corners.size, [Rendition(tmp_path / "p.jpg", 5000)])

    assert size_of(tmp_path / "p.jpg") == corners.size


def test_proportions_are_those_of_the_original_not_of_its_reduction(tmp_path: Path) -> None:
    write_renditions(Image.new("RGB", (251, 126)), (2001, 1001), [Rendition(tmp_path / "p.jpg", 100)])

    assert size_of(tmp_path / "p.jpg") == (100, 50)


@pytest.mark.parametrize(
    ("original", "longest_side", "size"),
    [
        ((500, 375), 100, (100, 75)),
        ((375, 500), 100, (75, 100)),
        ((9000, 1), 100, (100, 1)),
        ((3, 3), 9, (3, 3)),
    ],
)
def test_a_fitted_size_keeps_proportions(
    original: tuple[int, int], longest_side: int, size: tuple[int, int]
) -> None:
    assert fitted_size(original, longest_side) == size


def test_quality_decides_the_bytes(tmp_path: Path) -> None:
    picture = Image.effect_noise((200, 200), 80).convert("RGB")
    low, high = Rendition(tmp_path / "low.jpg", 200, 30), Rendition(tmp_path / "high.jpg", 200, 95)

    write_renditions(picture, picture.size, [low, high])

    assert low.path.stat().st_size < high.path.stat().st_size / 2


def test_the_placeholder_is_a_tiny_webp(corners: Image.Image) -> None:
    text = write_renditions(corners, corners.size, [])

    content = base64.b64decode(text, validate=True)
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (16, 10))
    assert len(content) < 200


def test_a_rendition_replaces_an_older_one_and_leaves_nothing_else(
    corners: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(b"old")

    write_renditions(corners, corners.size, [Rendition(path, 100)])

    assert size_of(path) == (100, 60)
    assert list(tmp_path.iterdir()) == [path]


def test_a_rendition_that_cannot_be_written_says_so(corners: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(RenditionFailed, match=r"p\.jpg cannot be written: No such file"):
        write_renditions(corners, corners.size, [Rendition(tmp_path / "absent" / "p.jpg", 100)])
