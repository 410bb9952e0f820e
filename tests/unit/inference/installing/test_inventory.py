"""The list of models shows what can be had and what is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from autotag.inference.installing.importing import import_model
from autotag.inference.installing.inventory import inventory
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import CATALOGUE


def test_an_empty_store_shows_the_catalogue(tmp_path: Path) -> None:
    models = inventory(ModelStore(tmp_path / "models"))

    assert [model.name for model in models] == list(CATALOGUE)
    assert not any(model.installed or model.imported or model.sha256 for model in models)
    assert [model.name for model in models if model.default] == ["efficientnet-lite0"]
    assert {model.class_count for model in models} == {1000}


def test_what_is_installed_and_imported_is_shown(
    models: ModelStore, tmp_path: Path, write_classifier: Callable[..., Path]
) -> None:
    store = ModelStore(tmp_path / "models")
    shutil.copytree(models.folder, store.folder)
    labels = tmp_path / "labels.txt"
    labels.write_text("background\ngreen\nblue\n")
    imported = import_model(store, write_classifier(kind="uint8"), name="colours", labels=labels)

    listed = {model.name: model for model in inventory(store)}

    assert listed["efficientnet-lite0"].installed
    assert listed["efficientnet-lite0"].sha256 == store.get("efficientnet-lite0").sha256
    colours = listed["colours"]
    assert (colours.installed, colours.imported, colours.sha256) == (True, True, imported.sha256)
    assert (colours.class_count, list(listed)[-1]) == (2, "colours")
