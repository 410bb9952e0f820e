"""Finds faces with MediaPipe's full-range detector, in plain numpy. It finds that there is a face, never whose.

The network is an SSD with one layer: one anchor for each cell of a 48 x 48 grid. How its answers are decoded
follows MediaPipe's published graph (modules/face_detection/face_detection_full_range.pbtxt).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.process.runtime import build_interpreter

MODEL_FILE = Path(__file__).with_name("face_detection_full_range.tflite")
SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
SIDE = 192
STRIDE = 4
COORDINATES = 16
"""Numbers for each anchor: centre, size, and six points of a face that are not used here."""
OVERLAP = 0.3
"""Boxes that share more of their union than this are the same face (min_suppression_threshold of the graph)."""
LOGIT_LIMIT = 80.0
"""Logits are clipped to this, because exp of more overflows float32."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """A box around a face and how sure the detector is (0 to 1).

    Left, top, right and bottom are parts of the picture's width and height, within 0 to 1.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def height(self) -> float:
        """How much of the picture's height the box covers, 0 to 1."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """How much of the picture's width the box covers, 0 to 1."""
        return self.right - self.left


class FaceDetector:
    """The detector in memory. It is not safe for two threads at once.

    Raises `ModelRejected` when the file is not the expected network.
    """

    def __init__(self, model_file: Path = MODEL_FILE, threads: int = 1) -> None:
        self._interpreter = build_interpreter(model_file, threads)
        (self._input,) = self._interpreter.get_input_details()
        anchors = (SIDE // STRIDE) ** 2
        by_shape = {tuple(item["shape"]): item["index"] for item in self._interpreter.get_output_details()}
        expected = {(1, anchors, COORDINATES), (1, anchors, 1)}
        if tuple(self._input["shape"]) != (1, SIDE, SIDE, 3) or set(by_shape) != expected:
            raise ModelRejected(ModelCode.MODEL_UNUSABLE, f"{model_file.name} is not the face detector.")
        self._boxes, self._scores = by_shape[1, anchors, COORDINATES], by_shape[1, anchors, 1]
        self._anchors = anchor_centres()

    def detect(self, image: Image.Image, least_score: float) -> list[Face]:
        """Return the faces in an RGB picture that are at least as sure as `least_score` (0 to 1), surest first."""
        pixels, scale = letterboxed(image)
        self._interpreter.set_tensor(self._input["index"], pixels)
        self._interpreter.invoke()
        scores = sigmoid(self._interpreter.get_tensor(self._scores).reshape(-1))
        chosen = np.flatnonzero(scores >= least_score)
        raw = self._interpreter.get_tensor(self._boxes)[0, chosen]
        boxes = decoded_boxes(raw, self._anchors[chosen]) * scale
        return [_face(box, score) for box, score in merged(boxes, scores[chosen])]


def anchor_centres() -> Floats:
    """Return the centre of each cell as parts of the input's side, row by row: float32 [2304, 2], x before y."""
    cells = SIDE // STRIDE
    rows, columns = np.indices((cells, cells)).reshape(2, -1)
    return ((np.stack([columns, rows], axis=1) + 0.5) / cells).astype(np.float32)


def letterboxed(image: Image.Image) -> tuple[Floats, Floats]:
    """Fit a picture into the top left of the network's square, the rest black: float32 [1, 192, 192, 3], -1 to 1.

    The second value turns parts of the square into parts of the picture: left, top, right, bottom.
    """
    longest = max(image.size)
    width, height = (max(1, round(side * SIDE / longest)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.zeros((SIDE, SIDE, 3), np.float32)
    pixels[:height, :width] = np.asarray(small)
    across, down = SIDE / width, SIDE / height
    return pixels[np.newaxis] / 127.5 - 1, np.array([across, down, across, down], np.float32)


def decoded_boxes(raw: Floats, anchors: Floats) -> Floats:
    """Return boxes as left, top, right, bottom in parts of the square, from offsets and sizes in its pixels."""
    centres = raw[:, :2] / SIDE + anchors
    halves = raw[:, 2:4] / SIDE / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def merged(boxes: Floats, scores: Floats) -> list[tuple[Floats, float]]:
    """Return one box for each face, surest first: the mean of the boxes that overlap, weighted by their scores."""
    order = np.argsort(-scores, kind="stable")
    found = []
    while order.size:
        same = overlap(boxes[order[0]], boxes[order]) > OVERLAP
        same[0] = True
        group = order[same]
        found.append((np.average(boxes[group], axis=0, weights=scores[group]), float(scores[order[0]])))
        order = order[~same]
    return found


def overlap(box: Floats, others: Floats) -> Floats:
    """Return intersection over union of one box with each of `others`, 0 to 1."""
    corners = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.clip(corners, 0, None), axis=1)
    union = _area(box[np.newaxis]) + _area(others) - shared
    result: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result


def sigmoid(values: NDArray[Any]) -> Floats:
    """Return 1 / (1 + exp(-x)) for each value."""
    result: Floats = 1 / (1 + np.exp(-np.clip(values, -LOGIT_LIMIT, LOGIT_LIMIT)))
    return result


def _area(boxes: Floats) -> Floats:
    result: Floats = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    return result


def _face(box: Floats, score: float) -> Face:
    left, top, right, bottom = (float(side) for side in np.clip(box, 0, 1))
    return Face(left, top, right, bottom, score)


@dataclass(frozen=True, slots=True)
class Detections:
    """What the faces of a picture say, each with a score from 0 to 1: a face, two or more, one large one."""

    face: float
    faces: float
    large_face: float


LARGE = 0.3
"""The least part of the picture's height that the face of a portrait covers."""


def summarise(found: Sequence[Face], large: float = LARGE) -> Detections:
    """Return what `found`, surest first, says.

    The second surest face decides whether there are several. A portrait has one face alone that is `large`.
    """
    scores = [face.score for face in found]
    one, second = (*scores, 0.0, 0.0)[:2]
    is_portrait = bool(found) and found[0].height >= large
    return Detections(one, second, max(0.0, one - second) if is_portrait else 0.0)
