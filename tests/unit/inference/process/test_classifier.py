"""A classifier feeds the model as its description says and names what it answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autotag.inference.errors import ModelRejected
from autotag.inference.models.model import ModelDescription
from autotag.inference.process import classifier as classifier_module
from autotag.inference.process.classifier import Classifier, centre_box

CONTENT = b"model"


class FakeInterpreter:
    """Stands for the runtime: keeps its input, and answers with fixed outputs."""

    def __init__(self, *outputs: Any, kind: Any = np.float32, quantization: Any = (0.0, 0)) -> None:
        self.input = {
            "index": 0,
            "shape": np.array([1, 4, 4, 3]),
            "dtype": kind,
            "quantization": quantization,
        }
        self.answers = [np.asarray(output) for output in outputs]
        self.output_quantization = quantization
        self.seen = np.empty(0)

    def get_input_details(self) -> list[dict[str, Any]]:
        return [self.input]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [
            {
                "index": number,
                "shape": np.array(answer.shape),
                "dtype": answer.dtype.type,
                "quantization": self.output_quantization,
            }
            for number, answer in enumerate(self.answers)
        ]

    def set_tensor(self, _: int, value: Any) -> None:
        assert value.shape == tuple(self.input["shape"])
        assert value.dtype == self.input["dtype"]
        self.seen = value

    def invoke(self) -> None:
        """The answers are fixed."""

    def get_tensor(self, index: int) -> Any:
        return self.answers[index]


@pytest.fixture
def load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_description: Callable[..., ModelDescription]
) -> Callable[..., Classifier]:
    """Loads a classifier around a fake interpreter, with values of the description replaced."""

    def load_classifier(
        interpreter: FakeInterpreter, labels: str = "cat\ndog\nfox\n", **changes: Any
    ) -> Classifier:
        sound = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}
        description = make_description(**(sound | changes))
        (tmp_path / "model.tflite").write_bytes(CONTENT)
        (tmp_path / "labels.txt").write_text(labels)
        (tmp_path / "model.json").write_text(description.to_json())
        monkeypatch.setattr(classifier_module, "build_interpreter", lambda *_: interpreter)
        return Classifier(tmp_path)

    return load_classifier


def named(classifier: Classifier, top: int = 20) -> list[tuple[str, float]]:
    predictions = classifier.classify(Image.new("RGB", (8, 8)), top)
    return [(prediction.name, round(prediction.confidence, 4)) for prediction in predictions]


def floats(*values: float) -> Any:
    return np.array([values], np.float32)


def test_the_most_confident_comes_first(load: Callable[..., Classifier]) -> None:
    classifier = load(FakeInterpreter(floats(0.2, 0.7, 0.1)))

    assert named(classifier) == [("dog", 0.7), ("cat", 0.2), ("fox", 0.1)]
    assert named(classifier, top=1) == [("dog", 0.7)]


def test_equal_ones_keep_the_order_of_the_labels(load: Callable[..., Classifier]) -> None:
    names = [name for name, _ in named(load(FakeInterpreter(floats(0.25, 0.5, 0.25))))]

    assert names == ["dog", "cat", "fox"]


def test_logits_become_probabilities(load: Callable[..., Classifier]) -> None:
    answers = named(load(FakeInterpreter(floats(-1, 1000, 999))))

    assert answers == [("dog", 0.7311), ("fox", 0.2689), ("cat", 0.0)]


def test_the_background_class_is_dropped_and_names_keep_their_places(
    load: Callable[..., Classifier],
) -> None:
    classifier = load(FakeInterpreter(floats(0.6, 0.1, 0.3)), labels="cat\ndog\n", has_background_class=True)

    assert named(classifier) == [("dog", 0.3), ("cat", 0.1)]


@pytest.mark.parametrize(("kind", "zero_point"), [(np.uint8, 0), (np.int8, -128)])
def test_quantised_probabilities_are_scaled_back(
    load: Callable[..., Classifier], kind: Any, zero_point: int
) -> None:
    # They sum to 0.5 only, as happens when many small ones are rounded to nothing.
    output = (np.array([[64, 0, 64]]) + zero_point).astype(kind)
    interpreter = FakeInterpreter(output, kind=kind, quantization=(1 / 256, zero_point))

    assert named(load(interpreter)) == [("cat", 0.25), ("fox", 0.25), ("dog", 0.0)]


def test_quantised_logits_become_probabilities(load: Callable[..., Classifier]) -> None:
    output = np.array([[0, 10, 0]], np.int8)
    interpreter = FakeInterpreter(output, kind=np.int8, quantization=(0.1, 0))

    assert named(load(interpreter))[0] == ("dog", 0.5761)


def test_a_float_input_is_normalised_by_channel(load: Callable[..., Classifier]) -> None:
    interpreter = FakeInterpreter(floats(1, 0, 0))
    changes = {"mean": (10.0, 20.0, 30.0), "standard_deviation": (1.0, 2.0, 4.0)}

    load(interpreter, **changes).classify(Image.new("RGB", (8, 8), (11, 24, 42)), 1)

    assert interpreter.seen.reshape(-1, 3).tolist() == [[1, 2, 3]] * 16


@pytest.mark.parametrize(("kind", "zero_point"), [(np.uint8, 128), (np.int8, 0)])
def test_a_quantised_input_is_rounded_into_its_range(
    load: Callable[..., Classifier], kind: Any, zero_point: int
) -> None:
    interpreter = FakeInterpreter(np.zeros((1, 3), kind), kind=kind, quantization=(1 / 128, zero_point))
    changes = {"mean": (128.0,) * 3, "standard_deviation": (128.0, 128.0, 64.0)}

    load(interpreter, **changes).classify(Image.new("RGB", (8, 8), (0, 200, 255)), 1)

    expected = [zero_point - 128, zero_point + 72, zero_point + 127]
    assert interpreter.seen[0, 0, 0].tolist() == expected


def test_the_first_output_that_fits_the_labels_is_read(load: Callable[..., Classifier]) -> None:
    classifier = load(FakeInterpreter(np.zeros((1, 2, 2, 3), np.float32), floats(0, 0, 1), floats(1, 0, 0)))

    assert named(classifier)[0] == ("fox", 1.0)


def test_an_output_of_another_length_names_both_numbers(load: Callable[..., Classifier]) -> None:
    with pytest.raises(ModelRejected, match="answers 4 numbers but has 3 labels") as refusal:
        load(FakeInterpreter(floats(1, 0, 0, 0)))
    assert refusal.value.code == "labels_mismatch"


def test_another_input_shape_is_refused(load: Callable[..., Classifier]) -> None:
    with pytest.raises(ModelRejected, match=r"not one of \[1, 4, 5, 3\]"):
        load(FakeInterpreter(floats(1, 0, 0)), input_width=5)


def test_a_tensor_of_an_unknown_type_is_refused(load: Callable[..., Classifier]) -> None:
    with pytest.raises(ModelRejected, match="type int64"):
        load(FakeInterpreter(np.zeros((1, 3), np.int64)))


def test_an_answer_that_is_no_number_is_refused(load: Callable[..., Classifier]) -> None:
    with pytest.raises(ModelRejected, match="not finite"):
        load(FakeInterpreter(floats(float("nan"), 0, 0)))


def test_a_changed_model_file_is_refused(load: Callable[..., Classifier]) -> None:
    with pytest.raises(ModelRejected, match="has changed since it was installed") as refusal:
        load(FakeInterpreter(floats(1, 0, 0)), sha256="0" * 64)
    assert refusal.value.code == "model_damaged"


def test_a_missing_model_file_is_named(load: Callable[..., Classifier]) -> None:
    with pytest.raises(ModelRejected, match=r"The file other\.tflite of 'tiny' is missing"):
        load(FakeInterpreter(floats(1, 0, 0)), model_file="other.tflite")


@pytest.mark.parametrize(
    ("source", "target", "fraction", "box"),
    [
        ((400, 200), (224, 224), 0.5, (150, 50, 250, 150)),
        ((200, 400), (224, 224), 1.0, (0, 100, 200, 300)),
        ((400, 400), (200, 100), 1.0, (0, 100, 400, 300)),
        ((1, 1), (224, 224), 0.875, (0, 0, 1, 1)),
        ((1000, 1), (224, 224), 0.875, (499.5, 0, 500.5, 1)),
    ],
)
def test_the_crop_is_centred_in_the_models_proportions(
    source: tuple[int, int], target: tuple[int, int], fraction: float, box: tuple[float, ...]
) -> None:
    assert centre_box(source, target, fraction) == pytest.approx(box)
