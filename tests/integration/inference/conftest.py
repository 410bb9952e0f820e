"""The default model, installed once for these tests, and the photographs that are shared beside the project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from autotag.inference.process import InferenceProcess
from autotag.inference.store import ModelStore

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "../shared/images"


@dataclass(frozen=True)
class Photograph:
    """A photograph and the class that it shows."""

    path: Path
    label: str


@pytest.fixture(scope="session")
def photographs() -> list[Photograph]:
    """All shared photographs with their labels."""
    manifest = PHOTOGRAPHS / "manifest.json"
    if not manifest.is_file():
        pytest.skip("the photographs for tests (../shared/images) are not on this machine")
    return [
        Photograph(PHOTOGRAPHS / item["file"], item["label"]) for item in json.loads(manifest.read_text())
    ]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the default model. Tests only read it."""
    store = ModelStore(tmp_path_factory.mktemp("models"))
    return store.path(store.install_default().name)


@pytest.fixture
def process() -> Iterator[InferenceProcess]:
    """A process with the real child."""
    with InferenceProcess() as running:
        yield running


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small picture that decodes."""
    path = tmp_path / "picture.png"
    Image.new("RGB", (300, 200), "navy").save(path)
    return path
