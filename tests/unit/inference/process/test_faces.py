"""The face detector: the real network on drawn pictures, and what its numbers are turned into."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from autotag.inference.errors import ModelRejected
from autotag.inference.process.faces import (
    LARGE,
    MODEL_FILE,
    SHA256,
    SIDE,
    Detections,
    Face,
    FaceDetector,
    anchor_centres,
    decoded_boxes,
    letterboxed,
    merged,
    overlap,
    sigmoid,
    summarise,
)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def drawn_face(size: tuple[int, int], centre: tuple[int, int], radius: int) -> Image.Image:
    """A simple portrait: skin, hair, eyes with brows, a nose, a mouth, shoulders."""
    picture = Image.new("RGB", size, (120, 140, 150))
    draw = ImageDraw.Draw(picture)
    x, y = centre
    draw.ellipse((x - 2 * radius, y + radius, x + 2 * radius, y + 4 * radius), fill=(60, 60, 110))
    draw.ellipse((x - radius, y - radius * 1.4, x + radius, y + radius * 1.2), fill=(70, 45, 30))
    draw.ellipse((x - radius * 0.8, y - radius, x + radius * 0.8, y + radius * 1.2), fill=(224, 180, 150))
    for side in (-1, 1):
        eye = x + side * radius * 0.35
        draw.ellipse((eye - radius * 0.16, y - radius * 0.2, eye + radius * 0.16, y), fill=(250, 250, 250))
        draw.ellipse(
            (eye - radius * 0.08, y - radius * 0.18, eye + radius * 0.08, y - radius * 0.02),
            fill=(30, 20, 20),
        )
        draw.line(
            (eye - radius * 0.2, y - radius * 0.3, eye + radius * 0.2, y - radius * 0.3),
            (60, 40, 30),
            radius // 12,
        )
    draw.polygon(
        [(x, y), (x - radius * 0.12, y + radius * 0.35), (x + radius * 0.12, y + radius * 0.35)],
        (205, 155, 125),
    )
    draw.ellipse(
        (x - radius * 0.3, y + radius * 0.55, x + radius * 0.3, y + radius * 0.72), fill=(170, 70, 70)
    )
    return picture


def test_the_file_is_the_published_one() -> None:
    assert hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest() == SHA256


def test_a_face_is_found_where_it_is(detector: FaceDetector) -> None:
    found = detector.detect(drawn_face((640, 480), (200, 200), 90), 0.5)
    assert len(found) == 1
    face = found[0]
    assert 0.5 <= face.score <= 1
    assert face.left < 200 / 640 < face.right
    assert face.top < 200 / 480 < face.bottom
    assert 0.2 < face.height < 0.7


def test_what_shows_no_face_has_none(detector: FaceDetector) -> None:
    assert detector.detect(Image.new("RGB", (300, 200), (90, 130, 90)), 0.3) == []
    noise = np.random.default_rng(4).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    assert detector.detect(Image.fromarray(noise), 0.5) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_extreme_shapes_are_no_error(detector: FaceDetector, size: tuple[int, int]) -> None:
    for face in detector.detect(Image.new("RGB", size), 0.01):
        assert 0 <= face.left <= face.right <= 1


def test_another_model_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.tflite"
    wrong.write_bytes(b"\x00\x00\x00\x00TFL3")
    with pytest.raises(ModelRejected):
        FaceDetector(wrong)


def test_anchors_stand_in_the_middle_of_their_cells_row_by_row() -> None:
    anchors = anchor_centres()
    assert anchors.shape == (2304, 2)
    assert anchors[0].tolist() == pytest.approx([0.5 / 48, 0.5 / 48])
    assert anchors[1].tolist() == pytest.approx([1.5 / 48, 0.5 / 48])
    assert anchors[48].tolist() == pytest.approx([0.5 / 48, 1.5 / 48])


def test_offsets_and_sizes_become_corners() -> None:
    raw = np.array([[SIDE / 4, 0, SIDE / 2, SIDE / 4, *[0] * 12]], np.float32)
    boxes = decoded_boxes(raw, np.array([[0.25, 0.5]], np.float32))
    assert boxes.tolist() == [pytest.approx([0.25, 0.375, 0.75, 0.625])]


def test_a_letterboxed_picture_keeps_its_proportions() -> None:
    pixels, scale = letterboxed(Image.new("RGB", (400, 200), (255, 255, 255)))
    assert pixels.shape == (1, SIDE, SIDE, 3)
    assert pixels[0, : SIDE // 2].min() == pytest.approx(1)
    assert pixels[0, SIDE // 2 :].max() == pytest.approx(-1)
    assert scale.tolist() == [1, 2, 1, 2]


def test_boxes_that_overlap_are_one_face_weighted_by_their_scores() -> None:
    boxes = np.array([[0, 0, 0.4, 0.4], [0.6, 0.6, 1, 1], [0.1, 0, 0.5, 0.4]], np.float32)
    found = merged(boxes, np.array([0.9, 0.5, 0.3], np.float32))
    assert [score for _, score in found] == pytest.approx([0.9, 0.5])
    assert found[0][0].tolist() == pytest.approx([0.025, 0, 0.425, 0.4])
    assert merged(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)) == []


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0, 0, 1, 1], np.float32)
    others = np.array([[0, 0, 1, 1], [0.5, 0, 1.5, 1], [2, 2, 3, 3], [0, 0, 0, 0]], np.float32)
    assert overlap(box, others).tolist() == pytest.approx([1, 1 / 3, 0, 0])


def test_extreme_logits_are_no_warning() -> None:
    assert sigmoid(np.array([-1000, 0, 1000], np.float32)).tolist() == pytest.approx([0, 0.5, 1])


def test_faces_say_how_many_people_there_are() -> None:
    large, small = Face(0.2, 0.1, 0.6, 0.1 + LARGE, 0.9), Face(0.7, 0.1, 0.8, 0.2, 0.6)
    assert summarise([]) == Detections(0, 0, 0)
    assert summarise([small]) == Detections(0.6, 0, 0)
    assert summarise([large]) == Detections(0.9, 0, 0.9)
    several = summarise([large, small])
    assert (several.face, several.faces) == (0.9, 0.6)
    assert several.large_face == pytest.approx(0.3)
