"""What is asked of the supervised process and what it answers: the dataclasses, and their form on the pipe.

A message is one JSON object on one line. The child first writes `{"ready": true}`. A request is `{"id": 1,
"request": {...}}`; its answer is `{"id": 1, "result": {...}}`, or `{"id": 1, "error": {...}}` for the errors
that are an answer. JSON is written in ASCII, so that a path which is not valid UTF-8 survives as surrogate
escapes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autotag.inference.errors import ImageRejected, InferenceError, ModelRejected, RenditionFailed

DEFAULT_MAXIMUM_PIXELS = 75_000_000
DEFAULT_TOP = 20
DEFAULT_QUALITY = 82
READY = {"ready": True}


@dataclass(frozen=True, slots=True)
class Rendition:
    """A smaller JPEG to write to `path`: its longest side in pixels (never upscaled), JPEG quality 1..95."""

    path: Path
    longest_side: int
    quality: int = DEFAULT_QUALITY


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One image to read. `model` is the folder of an installed model; without one, nothing is classified.

    `maximum_pixels` is the limit for width x height, checked before decoding; `top` is how many predictions
    to answer. `reads_keywords` asks for the keywords in the file as well. `is_urgent` has the renditions written beside
    the classification instead of before it: sooner done where a core is idle, at one or two percent more work.
    """

    path: Path
    model: Path | None
    renditions: tuple[Rendition, ...] = ()
    maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS
    top: int = DEFAULT_TOP
    reads_keywords: bool = False
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The name of a class, and how sure the model is of it: 0..1."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What one image gave.

    `width` and `height` are pixels of the original, upright. `placeholder` is a WebP of at most 16 pixels a
    side, in base64. `predictions` are ordered by falling confidence. `model`, `model_sha256` and `runtime`
    say what predicted; None without a model. `seconds` has the time of each stage that was run: `decode`,
    `renditions`, `inference`. `exif` is what the camera noted, by label; `keywords` are
    those in the file, when they were asked for.
    """

    width: int
    height: int
    mime_type: str
    placeholder: str
    predictions: tuple[Prediction, ...]
    model: str | None
    model_sha256: str | None
    runtime: str | None
    seconds: dict[str, float]
    exif: dict[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()


def encode(message: dict[str, Any]) -> bytes:
    """The message as one line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def request_to_json(request: ImageRequest) -> dict[str, Any]:
    """The request as it goes on the pipe."""
    return {
        "path": str(request.path),
        "model": None if request.model is None else str(request.model),
        "renditions": [
            {"path": str(item.path), "longest_side": item.longest_side, "quality": item.quality}
            for item in request.renditions
        ],
        "maximum_pixels": request.maximum_pixels,
        "top": request.top,
        "reads_keywords": request.reads_keywords,
        "is_urgent": request.is_urgent,
    }


def request_from_json(values: dict[str, Any]) -> ImageRequest:
    """The request that `values` describe, as `request_to_json` wrote them."""
    model = values["model"]
    return ImageRequest(
        path=Path(values["path"]),
        model=None if model is None else Path(model),
        renditions=tuple(
            Rendition(Path(item["path"]), item["longest_side"], item["quality"])
            for item in values["renditions"]
        ),
        maximum_pixels=values["maximum_pixels"],
        top=values["top"],
        reads_keywords=values["reads_keywords"],
        is_urgent=values["is_urgent"],
    )


def result_to_json(result: ImageResult) -> dict[str, Any]:
    """The result as it goes on the pipe.

    Written out, since `asdict` copies deeply and takes longer than the pipe.
    """
    return {
        "width": result.width,
        "height": result.height,
        "mime_type": result.mime_type,
        "placeholder": result.placeholder,
        "predictions": [(prediction.name, prediction.confidence) for prediction in result.predictions],
        "model": result.model,
        "model_sha256": result.model_sha256,
        "runtime": result.runtime,
        "seconds": result.seconds,
        "exif": result.exif,
        "keywords": result.keywords,
    }


def result_from_json(values: dict[str, Any]) -> ImageResult:
    """The result that `values` describe, as `result_to_json` wrote them."""
    predictions = tuple(Prediction(name, confidence) for name, confidence in values["predictions"])
    return ImageResult(
        **{**values, "predictions": predictions, "keywords": tuple(values.get("keywords", ()))}
    )


def error_to_json(error: InferenceError) -> dict[str, Any]:
    """An error that is an answer, as it goes on the pipe."""
    match error:
        case ImageRejected():
            return {"kind": "image", "code": error.code, "message": error.message, "detail": error.detail}
        case ModelRejected():
            return {"kind": "model", "code": error.code, "message": error.message}
        case _:
            return {"kind": "rendition", "message": str(error)}


def error_from_json(values: dict[str, Any]) -> InferenceError:
    """The error that `values` describe, as `error_to_json` wrote them."""
    match values["kind"]:
        case "image":
            return ImageRejected(values["code"], values["message"], values["detail"])
        case "model":
            return ModelRejected(values["code"], values["message"])
        case _:
            return RenditionFailed(values["message"])
