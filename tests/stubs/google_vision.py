"""A stub of Google Cloud Vision v1 that refuses what Google refuses, in Google's words and shapes."""

from __future__ import annotations

import base64
import binascii
import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))  # run and loaded by path, never as part of a package

from stub_service import Canned, ImageRefused, Received, StubService, open_image, serve

PATH = "/v1/images:annotate"
LONGEST_REQUEST = 10 * 1024 * 1024
MOST_PIXELS = 75_000_000
MOST_IMAGES = 16
DEFAULT_RESULTS = 10
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "ICO", "TIFF")
FEATURE_TYPES = frozenset(
    {
        "FACE_DETECTION", "LANDMARK_DETECTION", "LOGO_DETECTION", "LABEL_DETECTION", "TEXT_DETECTION",
        "DOCUMENT_TEXT_DETECTION", "SAFE_SEARCH_DETECTION", "IMAGE_PROPERTIES", "CROP_HINTS", "WEB_DETECTION",
        "PRODUCT_SEARCH", "OBJECT_LOCALIZATION",
    }
)  # fmt: skip
MODELS = frozenset({"builtin/stable", "builtin/latest"})
STATUS_TEXTS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
KNOWN_FIELDS = frozenset({"image", "features", "imageContext"})
NOT_FOUND = (
    b"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p>The requested URL was not found."
)


class BadRequest(Exception):
    """The request as a whole is refused with 400."""


class GoogleVision(StubService):
    """`POST /v1/images:annotate`; the key in `x-goog-api-key`, or in the query, which Google takes too."""

    def answer(self, request: Received) -> Canned:
        if request.path != PATH or request.method != "POST":
            return Canned(404, NOT_FOUND, {"Content-Type": "text/html; charset=UTF-8"})
        refusal = self._check_key(request.header("x-goog-api-key") or request.query.get("key", ""))
        if refusal:
            return refusal
        try:
            questions = _read_questions(request)
            return Canned.json({"responses": [self._annotate(request, question) for question in questions]})
        except BadRequest as error:
            return self.error(400, str(error))

    def error(self, status: int, message: str, *, reason: str = "", **headers: str) -> Canned:
        error: dict[str, Any] = {"code": status, "message": message, "status": STATUS_TEXTS[status]}
        if reason:
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": reason,
                    "domain": "googleapis.com",
                    "metadata": {"service": "vision.googleapis.com"},
                },
                {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "Console"}]},
            ]
        return Canned.json({"error": error}, status, **headers)

    def kinds(self) -> dict[str, Canned]:
        quota = self.error(429, "Quota exceeded.", reason="RATE_LIMIT_EXCEEDED")
        own = {
            "key_invalid": self.error(400, "API key not valid.", reason="API_KEY_INVALID"),
            "key_expired": self.error(400, "API key expired. Please renew.", reason="API_KEY_INVALID"),
            "billing_disabled": self.error(403, "This API needs billing.", reason="BILLING_DISABLED"),
            "service_disabled": self.error(403, "Not used in the project.", reason="SERVICE_DISABLED"),
            "key_blocked": self.error(403, "Requests are blocked.", reason="API_KEY_SERVICE_BLOCKED"),
            "address_blocked": self.error(403, "IP address.", reason="API_KEY_IP_ADDRESS_BLOCKED"),
            "referrer_blocked": self.error(403, "Referer.", reason="API_KEY_HTTP_REFERRER_BLOCKED"),
            "quota_exceeded": quota,
            "legacy_service_disabled": _legacy(403, "accessNotConfigured"),
            "legacy_key_invalid": _legacy(400, "keyInvalid"),
            "legacy_rate_limit": _legacy(403, "rateLimitExceeded"),
        }
        return (
            super().kinds() | own | {f"image_error_{code}": self.image_error(code) for code in range(1, 17)}
        )

    def image_error(self, code: object, message: str = "Bad image data.") -> Canned:
        """Return an answer of 200 that holds an error of google.rpc.Code for the image."""
        return Canned.json({"responses": [{"error": {"code": code, "message": message}}]})

    def _check_key(self, key: str) -> Canned | None:
        if not key:
            return self.error(403, "Method doesn't allow unregistered callers. Please use API Key.")
        if key != self.key:
            return self.kinds()["key_invalid"]
        return None

    def _annotate(self, request: Received, question: dict[str, Any]) -> dict[str, Any]:
        content, results = _read_question(question)
        if not content:
            return _refused("Request must specify image and features.")
        try:
            image = open_image(content, FORMATS, MOST_PIXELS)
        except ImageRefused as error:
            too_large = "Image size exceeds the limit of 75 megapixels."
            return _refused(too_large if error.reason == "pixels" else "Bad image data.")
        request.image_size = image.size
        labels = sorted(self.labels_of(image), key=lambda label: -label[1])[:results]
        if not labels:
            return {}
        return {
            "labelAnnotations": [
                {"mid": f"/m/{number:05}", "description": name, "score": score, "topicality": score}
                for number, (name, score) in enumerate(labels)
            ]
        }


def _legacy(status: int, reason: str) -> Canned:
    error = {"message": "Refused.", "domain": "usageLimits", "reason": reason}
    return Canned.json({"error": {"code": status, "message": "Refused.", "errors": [error]}}, status)


def _refused(message: str) -> dict[str, Any]:
    return {"error": {"code": 3, "message": message}}


def _read_questions(request: Received) -> list[dict[str, Any]]:
    if len(request.body) > LONGEST_REQUEST:
        raise BadRequest(f"Request payload size exceeds the limit: {LONGEST_REQUEST} bytes.")
    if request.header("content-type").split(";")[0].strip().lower() != "application/json":
        raise BadRequest("Invalid value for the Content-Type header.")
    try:
        document = json.loads(request.body)
    except ValueError as error:
        raise BadRequest("Invalid JSON payload received. Unexpected token.") from error
    if not isinstance(document, dict) or set(document) - {"requests", "parent"}:
        raise BadRequest("Invalid JSON payload received. Unknown name.")
    questions = document.get("requests", [])
    if not isinstance(questions, list) or not all(isinstance(question, dict) for question in questions):
        raise BadRequest("Invalid value at 'requests'.")
    if len(questions) > MOST_IMAGES:
        raise BadRequest("Too many images per request.")
    return questions


def _read_question(question: dict[str, Any]) -> tuple[bytes, int]:
    if set(question) - KNOWN_FIELDS:
        raise BadRequest("Invalid JSON payload received. Unknown name.")
    image, features = question.get("image", {}), question.get("features", [])
    if not isinstance(image, dict) or not isinstance(features, list):
        raise BadRequest("Invalid value at 'requests[0]'.")
    results = DEFAULT_RESULTS
    for feature in features:
        if not isinstance(feature, dict) or feature.get("type") not in FEATURE_TYPES:
            raise BadRequest("Invalid value at 'requests[0].features[0].type'.")
        if feature.get("model", "builtin/stable") not in MODELS:
            raise BadRequest("Unsupported model.")
        results = feature.get("maxResults", DEFAULT_RESULTS)
        if not isinstance(results, int):
            raise BadRequest("Invalid value at 'requests[0].features[0].max_results'.")
    try:
        content = base64.b64decode(image.get("content", ""), validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadRequest("Invalid value at 'requests[0].image.content', Base64 decoding failed.") from error
    return (content if features else b""), results


if __name__ == "__main__":
    serve(GoogleVision)
