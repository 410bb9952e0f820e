from collections.abc import Callable
from pathlib import Path

import pytest

from autotag.inference.errors import ImageCode, ImageRejected
from autotag.media.storage.renditions import PREVIEW_SIDE, THUMBNAIL_SIDE, preview_key, thumbnail_key
from autotag.media.storage.storage import INCOMING, FolderStorage, original_key
from autotag.tagging.pipeline.image import ImageInHand
from autotag.tagging.pipeline.outcome import ImageFacts
from tests.unit.conftest import ScriptedProcess

MODEL = Path("models/toy")


@pytest.fixture
def image(storage: FolderStorage, process: ScriptedProcess, keep: Callable[[bytes], str]) -> ImageInHand:
    sha256 = keep(b"picture")
    return ImageInHand(
        sha256,
        "image/png",
        storage=storage,
        process=process,  # type: ignore[arg-type]
        decoder=process,  # type: ignore[arg-type]
        maximum_pixels=1234,
    )


def left_behind(storage: FolderStorage) -> list[Path]:
    return list((storage.root / INCOMING).iterdir())


def test_a_provider_gets_predictions_and_the_runtime(image: ImageInHand) -> None:
    answer = image.classify(MODEL)
    assert [(one.name, one.confidence) for one in answer.predictions] == [("cat", 0.9)]
    assert answer.runtime == "scripted 1"


def test_the_process_gets_the_original_and_the_limit(image: ImageInHand, process: ScriptedProcess) -> None:
    image.classify(MODEL)
    (request,) = process.requests
    assert request.path.read_bytes() == b"picture"
    assert (request.model, request.maximum_pixels) == (MODEL, 1234)


def test_renditions_are_made_with_the_first_decode_and_kept(
    image: ImageInHand, process: ScriptedProcess, storage: FolderStorage
) -> None:
    image.classify(MODEL)
    image.classify(MODEL)
    assert image.finish() == ImageFacts(640, 480, "tiny", {"Camera": "Scripted"})
    assert [len(request.renditions) for request in process.requests] == [2, 0]
    assert storage.local_path(thumbnail_key(image.sha256)).read_text() == str(THUMBNAIL_SIDE)
    assert storage.local_path(preview_key(image.sha256)).read_text() == str(PREVIEW_SIDE)
    assert left_behind(storage) == []


def test_without_a_provider_the_renditions_are_made_at_the_end(
    image: ImageInHand, process: ScriptedProcess, storage: FolderStorage
) -> None:
    assert image.finish() == ImageFacts(640, 480, "tiny", {"Camera": "Scripted"})
    assert [request.model for request in process.requests] == [None]
    assert storage.exists(thumbnail_key(image.sha256))


def test_an_image_that_is_refused_leaves_nothing(
    image: ImageInHand, process: ScriptedProcess, storage: FolderStorage
) -> None:
    process.script = [ImageRejected(ImageCode.NOT_AN_IMAGE, "No image.")]
    with pytest.raises(ImageRejected):
        image.classify(MODEL)
    assert image.facts is None
    assert left_behind(storage) == []
    assert not storage.exists(thumbnail_key(image.sha256))


def test_a_jpeg_is_made_for_whoever_asks_and_not_kept(
    image: ImageInHand, process: ScriptedProcess, storage: FolderStorage
) -> None:
    assert image.jpeg(900) == b"900"
    assert [(request.model, request.maximum_pixels) for request in process.requests] == [(None, 1234)]
    assert left_behind(storage) == []
    assert image.jpeg(900) == b"900"
    assert [len(request.renditions) for request in process.requests] == [3, 1]


def test_the_size_is_known_from_decoding(image: ImageInHand) -> None:
    assert image.size == (640, 480)


def test_an_original_that_is_gone_is_not_found(image: ImageInHand, storage: FolderStorage) -> None:
    storage.delete(original_key(image.sha256))
    with pytest.raises(FileNotFoundError):
        image.classify(MODEL)
    assert left_behind(storage) == []
