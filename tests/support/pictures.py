"""Pictures to upload."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.support.places import SHARED

PHOTOGRAPHS = SHARED / "images"


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of which the true class is known; `label` is it as a tag."""

    path: Path
    label: str

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture(scope="session")
def photographs() -> list[Photograph]:
    """The shared photographs with their true labels; skips where the folder is absent."""
    manifest = PHOTOGRAPHS / "manifest.json"
    if not manifest.is_file():
        pytest.skip("the shared photographs are not beside this clone (../shared/images)")
    entries = json.loads(manifest.read_text())
    return [Photograph(PHOTOGRAPHS / entry["file"], entry["label"].replace("'", "")) for entry in entries]


def draw_picture(number: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A drawing that differs with its number: enough for the whole road, though no model knows it."""
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for line in range(12):
        shift = (number * 37 + line * 53) % size[0]
        draw.line((shift, 0, size[0] - shift, size[1]), fill=(number * 7 % 256, line * 20, 200), width=9)
    return image


def jpeg(image: Image.Image, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", **options)
    return content.getvalue()


@pytest.fixture(scope="session")
def make_pictures() -> Callable[[int], list[bytes]]:
    """Make a number of JPEGs with different contents: photographs where they are there, else drawings.

    What follows the end of a JPEG is ignored by decoders but counts for the content hash.
    """
    paths = sorted(PHOTOGRAPHS.glob("*.jpg"))

    def make(number: int) -> list[bytes]:
        if not paths:
            return [jpeg(draw_picture(index)) for index in range(number)]
        return [
            paths[index % len(paths)].read_bytes() + index.to_bytes(2) + os.urandom(6)
            for index in range(number)
        ]

    return make
