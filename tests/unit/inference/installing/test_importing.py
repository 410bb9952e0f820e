"""Any sound TFLite classifier can be imported, whatever its numbers are; every other is refused with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autotag.inference.errors import ModelRejected
from autotag.inference.installing import importing
from autotag.inference.installing.importing import import_model
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription
from autotag.inference.process.classifier import Classifier

Write = Callable[..., Path]
COLOURS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (230, 120, 150))
WEIGHTS = 4 * np.eye(3)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def bring(store: ModelStore, tmp_path: Path, write_classifier: Write) -> Callable[..., ModelDescription]:
    """Imports a tiny classifier of three colours, with options and values of the classifier replaced."""

    def import_classifier(
        labels: str | None = "red\ngreen\nblue\n", options: dict[str, Any] | None = None, **changes: Any
    ) -> ModelDescription:
        label_file = None
        if labels is not None:
            label_file = tmp_path / "labels.txt"
            label_file.write_text(labels)
        numbers = {"mean": (127.5,), "standard_deviation": (127.5,)}
        given = {"name": "tiny", "labels": label_file, **numbers, **(options or {})}
        return import_model(store, write_classifier(**changes), **given)

    return import_classifier


def refuses(action: Callable[[], Any], sentence: str) -> str:
    """The code of the refusal that `action` ends in."""
    with pytest.raises(ModelRejected, match=sentence) as refusal:
        action()
    return str(refusal.value.code)


def probabilities(colour: tuple[int, int, int]) -> Any:
    """What numpy makes of a picture of one colour."""
    logits = WEIGHTS @ ((np.array(colour) - 127.5) / 127.5)
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("softmax", [True, False], ids=["probabilities", "logits"])
@pytest.mark.parametrize("kind", ["float32", "uint8", "int8"])
def test_every_kind_of_model_agrees_with_numpy(
    bring: Callable[..., ModelDescription], store: ModelStore, kind: str, softmax: bool
) -> None:
    bring(kind=kind, softmax=softmax)
    classifier = Classifier(store.path("tiny"))

    for colour in COLOURS:
        predictions = classifier.classify(Image.new("RGB", (40, 30), colour), top=3)

        expected = dict(zip(("red", "green", "blue"), probabilities(colour), strict=True))
        assert predictions[0].name == max(expected, key=lambda name: expected[name])
        tolerance = 1e-5 if kind == "float32" else 0.03
        for prediction in predictions:
            assert prediction.confidence == pytest.approx(expected[prediction.name], abs=tolerance)


def test_the_description_says_what_is_known(
    bring: Callable[..., ModelDescription], store: ModelStore
) -> None:
    description = bring(options={"title": "Three colours"})

    assert store.installed() == [description]
    assert (description.title, description.source) == ("Three colours", "imported from tiny.tflite")
    assert (description.class_count, description.has_background_class) == (3, False)
    assert (description.input_width, description.input_height) == (4, 4)
    assert (description.mean, description.standard_deviation) == ((127.5,) * 3, (127.5,) * 3)
    assert (description.licence, description.accuracy) == ("not stated", "not stated")


def test_a_background_label_drops_the_first_output(
    bring: Callable[..., ModelDescription], store: ModelStore
) -> None:
    description = bring("background\ngreen\nblue\n")

    assert (description.has_background_class, description.class_count) == (True, 3)
    seen = Classifier(store.path("tiny")).classify(Image.new("RGB", (8, 8), "red"), top=3)
    assert {prediction.name for prediction in seen} == {"green", "blue"}


def test_embedded_metadata_takes_the_place_of_options(
    bring: Callable[..., ModelDescription], write_metadata: Callable[..., bytes], store: ModelStore
) -> None:
    metadata = write_metadata(
        title="Colours", licence="CC0-1.0", mean=(127.5,), deviation=(127.5,), label_file="labels.txt"
    )
    options = {"mean": None, "standard_deviation": None}

    description = bring(None, options, metadata=metadata, files={"labels.txt": b"red\ngreen\nblue\n"})

    assert (description.title, description.licence) == ("Colours", "CC0-1.0")
    assert description.mean == (127.5,) * 3
    assert Classifier(store.path("tiny")).labels == ("red", "green", "blue")


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_a_quantised_model_without_numbers_gets_its_pixels_unchanged(
    bring: Callable[..., ModelDescription], kind: str
) -> None:
    description = bring(options={"mean": None, "standard_deviation": None}, kind=kind)

    assert (description.mean, description.standard_deviation) == ((128.0,) * 3, (128.0,) * 3)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("one\ntwo\nthree\nfour\n", "answers 3 numbers but has 4 labels"),
        ("one\n", "at least 2 classes"),
        ("one\ntwo\n", "answers 3 numbers but has 2 labels.* make 'background' the first line"),
        ("one\n\nthree\n", "line 2 is blank"),
        (None, "holds no labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    bring: Callable[..., ModelDescription], store: ModelStore, labels: str | None, sentence: str
) -> None:
    refuses(lambda: bring(labels), sentence)

    assert [path.name for path in store.folder.iterdir() if not path.name.startswith(".lock")] == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"input_count": 2}, "has 2 inputs"),
        ({"shape": (1, 3, 4, 4)}, r"input is \[1, 3, 4, 4\]; a picture is"),
        ({"shape": (2, 4, 4, 3)}, "a picture is"),
        ({"shape": (1, 4, 4, 1)}, "a picture is"),
        ({"shape": (1, 5000, 4, 3)}, "a picture is"),
        ({"shape": (1, 48)}, "a picture is"),
        ({"signature": (1, -1, -1, 3)}, r"sides that change \[1, -1, -1, 3\]"),
    ],
)
def test_a_model_that_takes_no_picture_is_refused(
    bring: Callable[..., ModelDescription], changes: dict[str, Any], sentence: str
) -> None:
    assert refuses(lambda: bring(**changes), sentence) == "not_a_classifier"


def test_a_batch_of_any_size_is_fine(bring: Callable[..., ModelDescription]) -> None:
    assert bring(signature=(-1, 4, 4, 3)).input_width == 4


def test_another_type_of_input_is_refused(
    bring: Callable[..., ModelDescription], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TENSOR_KINDS", {3: "uint8"})

    assert refuses(bring, "can be one of uint8") == "not_a_classifier"


def test_a_float_model_without_numbers_is_refused(bring: Callable[..., ModelDescription]) -> None:
    options = {"mean": None, "standard_deviation": None}

    assert refuses(lambda: bring(options=options), "give mean and standard") == "normalisation_missing"


def test_a_standard_deviation_of_0_is_refused(bring: Callable[..., ModelDescription]) -> None:
    assert refuses(lambda: bring(options={"standard_deviation": (0,)}), "above 0") == "description_invalid"


def test_what_is_no_model_is_refused(store: ModelStore, tmp_path: Path) -> None:
    picture = tmp_path / "picture.tflite"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))

    assert refuses(lambda: import_model(store, picture, name="tiny"), "not a TFLite") == "not_a_classifier"
    assert store.installed() == []


def test_a_model_cut_off_inside_its_numbers_is_refused(
    bring: Callable[..., ModelDescription], store: ModelStore, tmp_path: Path, write_classifier: Write
) -> None:
    path = write_classifier()
    path.write_bytes(path.read_bytes()[:-60])

    refuses(
        lambda: import_model(
            store, path, name="tiny", labels=_file(tmp_path), mean=(0,), standard_deviation=(1,)
        ),
        "damaged|does not accept|cannot be run",
    )
    assert store.installed() == []


def _file(folder: Path) -> Path:
    path = folder / "labels.txt"
    path.write_text("red\ngreen\nblue\n")
    return path


def test_a_file_that_is_not_there_is_named(store: ModelStore, tmp_path: Path) -> None:
    absent = tmp_path / "absent.tflite"

    assert refuses(lambda: import_model(store, absent, name="tiny"), "absent") == "storage_failed"


def test_a_file_that_is_too_large_is_refused(
    bring: Callable[..., ModelDescription], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "LARGEST_MODEL", 100)

    assert refuses(bring, "larger than") == "too_large"


def test_the_same_file_again_replaces_its_labels(
    bring: Callable[..., ModelDescription], store: ModelStore
) -> None:
    bring()
    bring("rouge\nvert\nbleu\n")

    assert Classifier(store.path("tiny")).labels == ("rouge", "vert", "bleu")


def test_another_file_does_not_take_the_name(
    bring: Callable[..., ModelDescription], store: ModelStore
) -> None:
    first = bring()

    assert refuses(lambda: bring(kind="uint8"), "Another model is called 'tiny'") == "name_taken"
    assert store.installed() == [first]


@pytest.mark.parametrize("name", ["efficientnet-lite0", "inception-v3"])
def test_a_name_of_the_catalogue_is_taken(bring: Callable[..., ModelDescription], name: str) -> None:
    assert refuses(lambda: bring(options={"name": name}), "of the catalogue") == "name_taken"


@pytest.mark.parametrize("name", ["../up", "Upper", ".hidden", ""])
def test_an_impossible_name_is_refused(bring: Callable[..., ModelDescription], name: str) -> None:
    assert refuses(lambda: bring(options={"name": name}), "cannot be the name") == "unknown_model"
