"""The default model, installed once for these tests, and a process to run it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from autotag.inference.installing.store import ModelStore
from autotag.inference.process.process import InferenceProcess


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
