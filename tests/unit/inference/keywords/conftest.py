"""Pictures of each kind that takes keywords, and Debian's exiftool to look at them from outside."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("jpg", {"quality": 90}),
    "png": ("png", {}),
    "webp": ("webp", {}),
    "webp-lossless": ("webp", {"lossless": True}),
    "webp-alpha": ("webp", {"lossless": True}),
    "tiff": ("tif", {}),
    "tiff-lzw": ("tif", {"compression": "tiff_lzw"}),
}
ExifTool = Callable[..., dict[str, Any]]


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Draws a picture of a kind; odd sides find what is not padded."""

    def draw(kind: str, name: str = "picture") -> Path:
        suffix, options = KINDS[kind]
        image = Image.radial_gradient("L").resize((321, 203)).convert("RGB")
        if kind == "webp-alpha":
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        path = tmp_path / f"{name}.{suffix}"
        image.save(path, **options)
        return path

    return draw


@pytest.fixture
def exiftool(absent: Callable[[str], None]) -> ExifTool:
    """Runs exiftool on a file: with options it changes the file, without it tells what the file says."""

    def run(path: Path, *options: str) -> dict[str, Any]:
        program = shutil.which("exiftool")
        if program is None:
            absent("exiftool is not installed")
        if options:
            command = ["exiftool", "-overwrite_original", "-q", "-m", *options, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        command = ["exiftool", "-j", "-G1", "-struct", "-validate", "-warning", "-a", "-all", str(path)]
        told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
        return told

    return run


def pixels(path: Path) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(path) as image:
        return image.mode, image.size, image.tobytes()
