"""A stub of Microsoft's `/tag` (v1.0 to v3.2) and of Image Analysis 4.0, each with its refusals and shapes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))  # run and loaded by path, never as part of a package

from PIL import Image
from stub_service import Canned, ImageRefused, Received, StubService, open_image, serve

ANALYZE_PATH = "/computervision/imageanalysis:analyze"
TAG_PATH = re.compile(r"(?P<before>.*)/vision/(?P<version>v[123]\.\d)/tag")
API_VERSIONS = frozenset({"2023-10-01", "2024-02-01"})
FEATURES = frozenset({"tags", "caption", "denseCaptions", "objects", "read", "smartCrops", "people"})
TAG_LANGUAGES = frozenset({"en", "es", "ja", "pt", "zh"})
TAG_BYTES = 4 * 1024 * 1024
ANALYZE_BYTES = 20_971_520
TAG_FORMATS = ("JPEG", "PNG", "GIF", "BMP")
ANALYZE_FORMATS = (*TAG_FORMATS, "WEBP", "ICO", "TIFF", "MPO")
MOST_PIXELS = 16_000 * 16_000
SMALL_SIDE = 50  # sides must be greater
LARGE_SIDE = 16_000  # sides must be less
UNAUTHORIZED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for "
    "an active subscription and use a correct regional API endpoint for your resource."
)


class Refused(Exception):
    """The service refuses the request with a status and a code of its specification."""

    def __init__(self, status: int, code: str, message: str = "Refused.") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def flat(status: int, code: str, message: str = "Refused.", **headers: str) -> Canned:
    """Return an error as v2 writes it."""
    return Canned.json({"code": code, "message": message, "requestId": "0-1-2"}, status, **headers)


def nested(status: int, code: str, message: str = "Refused.", **headers: str) -> Canned:
    """Return an error as v3.2 and 4.0 write it."""
    inner = {"code": code, "message": message}
    error = {"code": "InvalidRequest", "message": message, "innererror": inner}
    return Canned.json({"error": error}, status, **headers)


def gateway(status: int, message: str = UNAUTHORIZED, **headers: str) -> Canned:
    """Return an error of the gateway before the service: the status once more, as text."""
    return Canned.json({"error": {"code": str(status), "message": message}}, status, **headers)


def old_gateway(status: int, message: str = UNAUTHORIZED, **headers: str) -> Canned:
    """Return an error of an older gateway: `statusCode`, without an envelope."""
    return Canned.json({"statusCode": status, "message": message}, status, **headers)


class Microsoft(StubService):
    """All versions at one address. Versions put into `retired` answer as retired ones, in the way named there.

    The ways are `404`, `410` and `Gone`.
    """

    def __init__(self, port: int = 0, **options: Any) -> None:
        super().__init__(port, **options)
        self.retired: dict[str, str] = {}

    def reset(self) -> None:
        self.retired.clear()
        super().reset()

    def answer(self, request: Received) -> Canned:
        tag = TAG_PATH.fullmatch(request.path)
        version = tag["version"] if tag else request.query.get("api-version", "")
        if request.method != "POST" or not (tag or request.path == ANALYZE_PATH):
            return gateway(404, "Resource not found")
        if version in self.retired:
            return self.kinds()[f"retired_{self.retired[version].lower()}"]
        if request.header("ocp-apim-subscription-key") != self.key:
            return old_gateway(401) if version.startswith(("v1", "v2")) else gateway(401)
        try:
            return self._tag(request, version) if tag else self._analyze(request)
        except Refused as error:
            shape = flat if version.startswith(("v1", "v2")) else nested
            return shape(error.status, error.code, error.message)

    def error(self, status: int, message: str, **headers: str) -> Canned:
        return gateway(status, message, **headers)

    def kinds(self) -> dict[str, Canned]:
        own = {
            "rate_limited_message": gateway(429, "Rate limit is exceeded. Try again after 12 seconds."),
            "rate_limited_status_code": Canned.json(
                {"error": {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 26 seconds."}},
                429,
            ),
            "unauthorized_text_code": gateway(401),
            "unauthorized_status_code": old_gateway(401),
            "unauthorized_unspecified": Canned.json(
                {"error": {"code": "Unspecified", "message": UNAUTHORIZED}}, 401
            ),
            "unauthorized_empty": Canned(401),
            "quota": gateway(403, "Out of call volume quota. Quota will be replenished in 2 days."),
            "retired_404": gateway(404, "Resource not found"),
            "retired_410": Canned(410),
            "retired_gone": Canned.json({"error": {"code": "Gone", "message": "Please upgrade."}}, 400),
            "failed_to_process": flat(500, "FailedToProcess"),
            "flat_bad_format": flat(400, "InvalidImageFormat"),
            "flat_argument": flat(400, "BadArgument"),
            "nested_bad_size": nested(400, "InvalidImageSize"),
            "nested_media_type": nested(415, "UnsupportedMediaType"),
        }
        return super().kinds() | own

    def _tag(self, request: Received, version: str) -> Canned:
        if request.header("content-type") != "application/octet-stream":
            raise Refused(415, "UnsupportedMediaType", "Supported media types: application/octet-stream, ...")
        if request.query.get("language", "en") not in TAG_LANGUAGES:
            raise Refused(400, "NotSupportedLanguage")
        image = self._open(request, TAG_BYTES, TAG_FORMATS)
        document: dict[str, Any] = {
            "tags": [{"name": name, "confidence": score} for name, score in self.labels_of(image)],
            "requestId": "0-1-2",
            "metadata": {"width": image.width, "height": image.height, "format": "Jpeg"},
        }
        if version == "v3.2":
            document["modelVersion"] = "2021-05-01"
            # Declared nullable there; the stub takes the specification at its word.
            document["tags"] = document["tags"] or None
        return Canned.json(document)

    def _analyze(self, request: Received) -> Canned:
        if request.query.get("api-version", "") not in API_VERSIONS:
            raise Refused(404 if "api-version" in request.query else 400, "InvalidArgument", "api-version")
        features = set(filter(None, request.query.get("features", "").split(",")))
        if not features:
            raise Refused(400, "BadArgument", "Either features or model-name is needed.")
        if features - FEATURES:
            raise Refused(400, "NotSupportedVisualFeature")
        if request.header("content-type") != "application/octet-stream":
            raise Refused(400, "InvalidArgument", "The content type is not supported.")
        image = self._open(request, ANALYZE_BYTES, ANALYZE_FORMATS)
        values = [{"name": name, "confidence": score} for name, score in self.labels_of(image)]
        document: dict[str, Any] = {
            "modelVersion": "2023-10-01",
            "metadata": {"width": image.width, "height": image.height},
        }
        return Canned.json(document | ({"tagsResult": {"values": values}} if "tags" in features else {}))

    def _open(self, request: Received, limit: int, formats: tuple[str, ...]) -> Image.Image:
        if not 0 < len(request.body) < limit:
            raise Refused(400, "InvalidImageSize", f"Input data is empty or not smaller than {limit} bytes.")
        try:
            image = open_image(request.body, formats, MOST_PIXELS)
        except ImageRefused as error:
            raise Refused(400, "InvalidImageFormat", "Input data is not a valid image.") from error
        if min(image.size) <= SMALL_SIDE or max(image.size) >= LARGE_SIDE:
            raise Refused(
                400, "InvalidImageSize", "The image dimension is out of range: 50 x 50 to 16000 x 16000."
            )
        request.image_size = image.size
        return image


if __name__ == "__main__":
    serve(Microsoft)
