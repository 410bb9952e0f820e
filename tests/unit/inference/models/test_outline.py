"""A model file tells its inputs and outputs without a runtime, and a damaged one is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.outline import read_outline

Write = Callable[..., Path]


@pytest.mark.parametrize(("kind", "zero_point"), [("uint8", 128), ("int8", 0)])
def test_a_quantised_input_tells_its_scale(write_classifier: Write, kind: str, zero_point: int) -> None:
    outline = read_outline(write_classifier(kind=kind))

    (image,) = outline.inputs
    assert (image.shape, image.signature) == ((1, 4, 4, 3), ())
    assert (image.kind, image.scale, image.zero_point) == (kind, 1 / 128, zero_point)
    assert [output.shape for output in outline.outputs] == [(1, 3)]
    assert outline.metadata is None


def test_the_default_model_is_outlined(models: ModelStore) -> None:
    outline = read_outline(models.path("efficientnet-lite0") / "model.tflite")

    assert [(item.shape, item.kind) for item in outline.inputs] == [((1, 224, 224, 3), "float32")]
    assert [item.shape for item in outline.outputs] == [(1, 1000), (1, 1280), (1, 7, 7, 1280)]


def test_sides_that_may_change_are_told(write_classifier: Write) -> None:
    outline = read_outline(write_classifier(signature=(-1, 4, 4, 3)))

    assert outline.inputs[0].signature == (-1, 4, 4, 3)


def test_metadata_is_found(write_classifier: Write) -> None:
    assert read_outline(write_classifier(metadata=b"metadata")).metadata == b"metadata"


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\3\4" * 10, b"\x1c\0\0\0TFL2" + bytes(100)])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ModelRejected, match="is not a TFLite model") as refusal:
        read_outline(path)
    assert refusal.value.code == "not_a_classifier"


def test_a_model_cut_off_is_refused(write_classifier: Write) -> None:
    path = write_classifier()
    path.write_bytes(path.read_bytes()[:40])

    with pytest.raises(ModelRejected, match="is damaged"):
        read_outline(path)


def test_random_damage_is_at_most_refused(write_classifier: Write) -> None:
    path = write_classifier(kind="uint8", metadata=b"m" * 20)
    sound = path.read_bytes()
    chance = random.Random(7)
    for _ in range(500):
        damaged = bytearray(sound)
        for _ in range(chance.randint(1, 20)):
            damaged[chance.randrange(8, len(damaged))] = chance.choice((0, 1, 127, 255))
        path.write_bytes(damaged)
        with suppress(ModelRejected):
            read_outline(path)
