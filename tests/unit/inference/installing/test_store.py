"""Models are installed whole or not at all, and damaged ones are told from sound ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing import default_model
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.catalogue import KnownModel
from autotag.inference.models.model import ModelDescription

DEFAULT = "efficientnet-lite0"


@pytest.fixture
def copied(models: ModelStore, tmp_path: Path) -> ModelStore:
    """A store of the test's own with the default model."""
    shutil.copytree(models.folder, tmp_path / "models")
    return ModelStore(tmp_path / "models")


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, models: ModelStore) -> list[Path]:
    """The folders in which models were built; building is copying here, so that it takes no time."""
    folders: list[Path] = []

    def build(known: KnownModel, folder: Path) -> ModelDescription:
        folders.append(folder)
        shutil.copytree(models.path(known.name), folder, dirs_exist_ok=True)
        return models.get(known.name)

    monkeypatch.setattr(default_model, "build_model", build)
    return folders


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".lock"))


def test_an_empty_store_has_no_models(tmp_path: Path) -> None:
    assert ModelStore(tmp_path / "models").installed() == []
    assert not (tmp_path / "models").exists()


def test_the_default_model_is_there_after_installing(tmp_path: Path, builds: list[Path]) -> None:
    store = ModelStore(tmp_path / "models")

    description = store.install_default()

    assert store.installed() == [description] == [store.get(DEFAULT)]
    assert sorted(path.name for path in store.path(DEFAULT).iterdir()) == [
        "labels.txt",
        "model.json",
        "model.tflite",
    ]
    assert visible(store.folder) == [DEFAULT]


def test_a_sound_model_is_not_built_again(copied: ModelStore, builds: list[Path]) -> None:
    copied.install_default()

    assert builds == []


def test_force_builds_again_and_leaves_nothing_behind(copied: ModelStore, builds: list[Path]) -> None:
    (copied.path(DEFAULT) / "old").touch()

    copied.install_default(force=True)

    assert len(builds) == 1
    assert visible(copied.folder) == [DEFAULT]
    assert not (copied.path(DEFAULT) / "old").exists()


@pytest.mark.parametrize("damage", ["model.tflite", "labels.txt", "model.json"])
def test_a_damaged_model_is_replaced(copied: ModelStore, builds: list[Path], damage: str) -> None:
    (copied.path(DEFAULT) / damage).unlink()
    assert copied.installed() == []

    copied.install_default()

    assert [description.name for description in copied.installed()] == [DEFAULT]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: KnownModel, folder: Path) -> ModelDescription:
        (folder / "model.tflite").write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(default_model, "build_model", fail)
    store = ModelStore(tmp_path / "models")

    with pytest.raises(OSError, match="full"):
        store.install_default()

    assert visible(store.folder) == []
    assert store.installed() == []


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path, builds: list[Path]) -> None:
    store = ModelStore(tmp_path / "models")
    leftover = store.folder / ".building-dead"
    leftover.mkdir(parents=True)
    (leftover / "model.tflite").write_bytes(b"half")

    assert store.installed() == []
    store.install_default()

    assert visible(store.folder) == [DEFAULT]


def test_a_model_cut_off_on_disk_is_refused(copied: ModelStore) -> None:
    with (copied.path(DEFAULT) / "model.tflite").open("r+b") as stream:
        stream.truncate(1000)

    with pytest.raises(ModelRejected, match="missing or cut off") as refusal:
        copied.get(DEFAULT)
    assert refusal.value.code == "model_damaged"


def test_a_folder_that_holds_another_model_is_refused(copied: ModelStore) -> None:
    copied.path(DEFAULT).rename(copied.folder / "other")

    with pytest.raises(ModelRejected, match="'other' holds 'efficientnet-lite0'"):
        copied.get("other")


def test_a_model_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="'absent' is not installed") as refusal:
        ModelStore(tmp_path).get("absent")
    assert refusal.value.code == "model_missing"


@pytest.mark.parametrize("name", ["..", "a/b", "", ".lock", "/etc", "A"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelRejected, match="cannot be the name"):
        ModelStore(tmp_path).get(name)


def test_a_removed_model_is_gone_at_once(copied: ModelStore) -> None:
    copied.path(DEFAULT).rename(copied.path("other"))

    copied.remove("other")

    assert visible(copied.folder) == []


def test_a_damaged_model_can_be_removed(copied: ModelStore) -> None:
    (copied.path("half")).mkdir()

    copied.remove("half")

    assert visible(copied.folder) == [DEFAULT]


def test_the_default_model_stays(copied: ModelStore) -> None:
    with pytest.raises(ModelRejected, match="default model and cannot be removed") as refusal:
        copied.remove(DEFAULT)
    assert refusal.value.code == "model_required"
    assert copied.get(DEFAULT).name == DEFAULT


def test_what_is_not_installed_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="'absent' is not installed"):
        ModelStore(tmp_path).remove("absent")
    with pytest.raises(ModelRejected, match="cannot be the name"):
        ModelStore(tmp_path).remove("../other")


def test_a_name_is_prepared_by_one_at_a_time_and_others_go_on(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)

    with store.preparing("one") as first:
        with store.preparing("two") as second:
            assert first.is_dir()
            assert second.is_dir()
        assert first.is_dir()
        assert not second.exists()
        with pytest.raises(InstallationCancelled), store.preparing("one", lambda: True):
            pass
        assert first.is_dir()

    assert visible(tmp_path) == []
