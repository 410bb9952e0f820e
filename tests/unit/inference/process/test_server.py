"""The child answers each request once, and keeps the models that it uses."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from autotag.inference.decoding.decoding import Need
from autotag.inference.errors import ModelCode, ModelRejected, RenditionFailed
from autotag.inference.installing.store import ModelStore
from autotag.inference.messages import READY, ImageRequest, Rendition, encode, request_to_json
from autotag.inference.process import server
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.renditions import write_renditions
from autotag.inference.process.server import ClassifierCache, ImageWorker, serve

DEFAULT = "efficientnet-lite0"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (300, 200), "navy").save(path)
    return path


def test_one_request_gives_size_renditions_and_predictions(
    models: ModelStore, picture: Path, tmp_path: Path
) -> None:
    request = ImageRequest(picture, models.path(DEFAULT), (Rendition(tmp_path / "thumb.jpg", 64),), top=3)

    result = ImageWorker(threads=1).process(request)

    assert (result.width, result.height, result.mime_type) == (300, 200, "image/png")
    assert (result.model, result.model_sha256) == (DEFAULT, models.get(DEFAULT).sha256)
    assert len(result.predictions) == 3
    assert set(result.seconds) == {"decode", "renditions", "inference"}
    with Image.open(tmp_path / "thumb.jpg") as thumbnail:
        assert thumbnail.size == (64, 43)


def test_without_a_model_nothing_is_predicted(picture: Path) -> None:
    result = ImageWorker(threads=1).process(ImageRequest(picture, None))

    assert (result.predictions, result.model, result.runtime) == ((), None, None)
    assert set(result.seconds) == {"decode", "renditions"}


def test_renditions_are_whole_whatever_becomes_of_the_classification(
    models: ModelStore, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ImageWorker(threads=1)
    renditions = (Rendition(tmp_path / "thumb.jpg", 64),)
    request = ImageRequest(picture, models.path(DEFAULT), renditions, is_urgent=True)
    begun = threading.Event()

    def refuse(*_: object) -> None:
        assert begun.wait(20)
        raise ModelRejected(ModelCode.MODEL_UNUSABLE, "no")

    def write(*arguments: Any) -> str:
        begun.set()
        time.sleep(0.05)  # so that the other one is over long before
        return write_renditions(*arguments)

    monkeypatch.setattr("autotag.inference.process.classifier.Classifier.classify", refuse)
    monkeypatch.setattr(server, "write_renditions", write)
    monkeypatch.setattr(ClassifierCache, "get", lambda *_: Classifier.__new__(Classifier))
    monkeypatch.setattr(server, "_need", lambda *_: Need(64))
    with pytest.raises(ModelRejected):
        worker.process(request)
    assert (tmp_path / "thumb.jpg").exists()


def test_what_is_urgent_gives_the_same(models: ModelStore, picture: Path, tmp_path: Path) -> None:
    request = ImageRequest(picture, models.path(DEFAULT), (Rendition(tmp_path / "thumb.jpg", 64),))
    worker = ImageWorker(threads=1)
    calm, urgent = (worker.process(replace(request, is_urgent=urgent)) for urgent in (False, True))
    assert replace(calm, seconds={}) == replace(urgent, seconds={})
    assert set(urgent.seconds) == set(calm.seconds)


def test_a_rendition_that_cannot_be_written_is_told_although_the_image_was_classified(
    models: ModelStore, picture: Path, tmp_path: Path
) -> None:
    nowhere = Rendition(tmp_path / "absent" / "thumb.jpg", 64)
    with pytest.raises(RenditionFailed):
        ImageWorker(threads=1).process(ImageRequest(picture, models.path(DEFAULT), (nowhere,)))


def test_a_bad_image_is_an_answer_and_the_next_request_is_served(picture: Path, tmp_path: Path) -> None:
    lines = [
        encode({"id": number, "request": request_to_json(ImageRequest(path, None))})
        for number, path in enumerate((tmp_path / "absent", picture))
    ]
    reading, writing = os.pipe()

    serve(lines, writing, threads=1)

    with os.fdopen(reading) as stream:
        answers: list[dict[str, Any]] = [json.loads(line) for line in stream]
    assert answers[0] == READY
    assert (answers[1]["id"], answers[1]["error"]["code"]) == (0, "missing_file")
    assert (answers[2]["id"], answers[2]["result"]["width"]) == (1, 300)


def test_a_model_is_loaded_once(models: ModelStore) -> None:
    cache = ClassifierCache(threads=1)

    assert cache.get(models.path(DEFAULT)) is cache.get(models.path(DEFAULT))


def test_a_model_installed_anew_is_loaded_again(models: ModelStore, tmp_path: Path) -> None:
    folder = tmp_path / DEFAULT
    shutil.copytree(models.path(DEFAULT), folder)
    cache = ClassifierCache(threads=1)
    first = cache.get(folder)

    description = (folder / "model.json").read_bytes()
    (folder / "model.json").unlink()
    with pytest.raises(ModelRejected, match="no model"):
        cache.get(folder)
    (folder / "model.json").write_bytes(description)
    os.utime(folder / "model.json", ns=(1, 1))

    assert cache.get(folder) is not first


def test_only_the_last_two_models_are_kept(models: ModelStore, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        shutil.copytree(models.path(DEFAULT), folder)
    cache = ClassifierCache(threads=1)
    first, second, _ = [cache.get(folder) for folder in folders]

    assert cache.get(folders[1]) is second
    assert cache.get(folders[0]) is not first
