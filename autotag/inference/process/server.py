"""The child's side of the pipe: reads requests, decodes, writes renditions, classifies, answers."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from autotag.inference.decoding.decoding import Decoded, Need, decode
from autotag.inference.errors import InferenceError
from autotag.inference.keywords import read_keywords
from autotag.inference.messages import (
    READY,
    ImageRequest,
    ImageResult,
    Prediction,
    encode,
    error_to_json,
    request_from_json,
    result_to_json,
)
from autotag.inference.models.model import DESCRIPTION_FILE
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.renditions import PLACEHOLDER_SIDE, write_renditions
from autotag.inference.process.runtime import runtime_version

# Models kept in memory: the one in use, and another so that two instances with different models do not reload
# each image.
LOADED_MODELS = 2
P = ParamSpec("P")
R = TypeVar("R")


class ClassifierCache:
    """The last few classifiers by folder. One whose description changed on disk is loaded again."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._loaded: OrderedDict[tuple[Path, int, int], Classifier] = OrderedDict()

    def get(self, folder: Path) -> Classifier:
        """The classifier of the model in `folder`. Raises `ModelRejected` when it cannot be loaded."""
        key = (folder, *_version(folder / DESCRIPTION_FILE))
        classifier = self._loaded.get(key)
        if classifier is None:
            while len(self._loaded) >= LOADED_MODELS:
                self._loaded.popitem(last=False)
            classifier = self._loaded[key] = Classifier(folder, self._threads)
        self._loaded.move_to_end(key)
        return classifier


class ImageWorker:
    """Does all that is asked of one image, with one decode.

    `threads` is the number of threads of one inference.
    """

    def __init__(self, threads: int) -> None:
        self._classifiers = ClassifierCache(threads)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="renditions")
        # Started now: a limit that leaves no room for it must not show at somebody's image.
        self._writer.submit(int).result()

    def process(self, request: ImageRequest) -> ImageResult:
        """Decodes, writes the renditions and classifies.

        Raises what `InferenceProcess.process` raises as an answer.
        """
        classifier = None if request.model is None else self._classifiers.get(request.model)
        seconds: dict[str, float] = {}
        start = perf_counter()
        decoded = decode(request.path, _need(request, classifier), request.maximum_pixels)
        seconds["decode"] = perf_counter() - start

        placeholder, predictions = self._use(decoded, request, classifier, seconds)
        keywords = read_keywords(request.path) if request.reads_keywords else ()
        return _result(decoded, placeholder, predictions, classifier, seconds, keywords)

    def _use(
        self,
        decoded: Decoded,
        request: ImageRequest,
        classifier: Classifier | None,
        seconds: dict[str, float],
    ) -> tuple[str, tuple[Prediction, ...]]:
        """Writes the renditions and classifies: one after the other, or at once when it is urgent, since native code
        does both. Returns the placeholder and the predictions; notes the seconds of each."""
        given = decoded.image, (decoded.width, decoded.height), request.renditions
        if classifier is None or not request.is_urgent:
            placeholder, seconds["renditions"] = _timed(write_renditions, *given)
            if classifier is None:
                return placeholder, ()
            predictions, seconds["inference"] = _timed(classifier.classify, decoded.image, request.top)
            return placeholder, predictions
        writing = self._writer.submit(lambda: _timed(write_renditions, *given))
        try:
            predictions, seconds["inference"] = _timed(classifier.classify, decoded.image, request.top)
        finally:
            # Whatever came of the classification: the next image must not find this one still being written.
            wait([writing])
        placeholder, seconds["renditions"] = writing.result()
        return placeholder, predictions

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to one message of the protocol."""
        number = message["id"]
        try:
            result = self.process(request_from_json(message["request"]))
        except InferenceError as error:
            return {"id": number, "error": error_to_json(error)}
        return {"id": number, "result": result_to_json(result)}


def _timed(work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> tuple[R, float]:
    """What `work` returns, and the seconds that it took."""
    start = perf_counter()
    return work(*arguments, **options), perf_counter() - start


def serve(lines: Iterable[bytes], protocol: int, threads: int) -> None:
    """Says that it is ready, then answers each line on the descriptor `protocol`, until `lines` end."""
    worker = ImageWorker(threads)
    with os.fdopen(protocol, "wb", buffering=0) as answers:
        answers.write(encode(READY))
        for line in lines:
            answers.write(encode(worker.answer(json.loads(line))))


def _version(description: Path) -> tuple[int, int]:
    """Changes when the description file does: its time and its number. (0, 0) while there is none."""
    try:
        status = description.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


def _need(request: ImageRequest, classifier: Classifier | None) -> Need:
    """The resolution that the request's renditions and its model can use."""
    longest_side = max([PLACEHOLDER_SIDE, *(rendition.longest_side for rendition in request.renditions)])
    if classifier is None:
        return Need(longest_side)
    description = classifier.description
    input_side = max(description.input_width, description.input_height)
    return Need(longest_side, ceil(input_side / description.crop_fraction))


def _result(
    decoded: Decoded,
    placeholder: str,
    predictions: tuple[Prediction, ...],
    classifier: Classifier | None,
    seconds: dict[str, float],
    keywords: tuple[str, ...],
) -> ImageResult:
    description = None if classifier is None else classifier.description
    return ImageResult(
        width=decoded.width,
        height=decoded.height,
        mime_type=decoded.mime_type,
        placeholder=placeholder,
        predictions=predictions,
        model=None if description is None else description.name,
        model_sha256=None if description is None else description.sha256,
        runtime=None if description is None else runtime_version(),
        seconds=seconds,
        exif=decoded.exif,
        keywords=keywords,
    )
