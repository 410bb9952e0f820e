"""Pictures to upload: photographs, drawings, and the shared photographs that accuracy is measured with."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.support.places import REPOSITORY, SHARED

PICTURES = REPOSITORY / "tests" / "pictures"
SHARED_PHOTOGRAPHS = SHARED / "images"
"""Sixty labelled photographs, which only tests marked `accuracy` use."""
MARK_BYTES = 8


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of which the class is known; `label` is it as a tag."""

    path: Path
    label: str

    @property
    def content(self) -> bytes:
        """The file as it is: the same bytes for every test."""
        return self.path.read_bytes()

    def fresh(self) -> bytes:
        """Return the photograph as a file that nobody has uploaded before."""
        return fresh(self.content)


def fresh(content: bytes) -> bytes:
    """Return a JPEG that looks the same and has another content hash: decoders ignore what follows its end."""
    return content + os.urandom(MARK_BYTES)


def read_manifest(folder: Path) -> list[Photograph]:
    """Read which photographs are in a folder, with their labels as tags."""
    entries = json.loads((folder / "manifest.json").read_text())
    return [Photograph(folder / entry["file"], entry["label"].replace("'", "")) for entry in entries]


@pytest.fixture(scope="session")
def photographs() -> list[Photograph]:
    """The project's own photographs; `label` is the best prediction of the default model."""
    return read_manifest(PICTURES)


@pytest.fixture(scope="session")
def shared_photographs() -> list[Photograph]:
    """The sixty photographs beside this clone, for tests marked `accuracy`, which only run where they are there."""
    return read_manifest(SHARED_PHOTOGRAPHS)


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
def make_pictures(photographs: list[Photograph]) -> Callable[[int], list[bytes]]:
    """Make a number of photographs as JPEG files that nobody has uploaded before; the default model tags each."""
    contents = [photograph.content for photograph in photographs]

    def make(number: int) -> list[bytes]:
        return [fresh(content) for content in islice(cycle(contents), number)]

    return make
