"""Google Cloud Vision v1: label detection (https://docs.cloud.google.com/vision/docs/reference/rest)."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from autotag.inference.process.process import Prediction
from autotag.outbound_http.addresses import authority_of
from autotag.outbound_http.client import Reply, WebClient
from autotag.providers.answers import MOST_PREDICTIONS, as_mapping, mappings_of, read_predictions, unexpected
from autotag.providers.base import (
    Answer,
    ImageUnsuitable,
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    TaggableImage,
    VersionRetired,
)
from autotag.providers.prices import Price, Tier
from autotag.providers.registry import ProviderTools
from autotag.providers.service_calls import post

TITLE = "Google Cloud Vision"
DEFAULT_BASE_URL = "https://vision.googleapis.com"
MODEL = "builtin/stable"
VERSION = "v1"

# One label detection of one image. The free units are those of a project, whichever instances share it.
PRICE = Price(
    currency="USD",
    tiers=(Tier(1_000, 0), Tier(5_000_000, 1.5), Tier(None, 1.0)),
    source="https://cloud.google.com/vision/pricing",
    read_on=date(2026, 11, 23),
)

# Google recommends 640 x 480 for labels; 1024 pixels leave room for other shapes at about 100 KB.
LONGEST_SIDE = 1024

# google.rpc.Code
_INVALID_ARGUMENT, _DEADLINE_EXCEEDED, _PERMISSION_DENIED, _RESOURCE_EXHAUSTED = 3, 4, 7, 8
_FAILED_PRECONDITION, _UNAUTHENTICATED = 9, 16

_PERMISSION = (
    "permission_denied",
    "Google does not permit the use of Cloud Vision with this API key. Check the key and its project.",
)
_RESTRICTED = (
    "key_restricted",
    "The API key is restricted: its restrictions (APIs, addresses or applications) keep this installation out.",
)
_KEY = (
    "bad_credentials",
    "Google does not accept the API key: it is wrong or has expired. Enter a valid one.",
)
_NOT_ENABLED = (
    "service_disabled",
    "The Cloud Vision API is not enabled in the Google Cloud project of the API key. Enable it there.",
)

# Reasons of google.rpc.ErrorInfo (google/api/error_reason.proto), and those of older front ends.
_REASONS: Mapping[str, tuple[str, str]] = {
    "API_KEY_INVALID": _KEY,
    "keyInvalid": _KEY,
    "keyExpired": _KEY,
    "BILLING_DISABLED": (
        "billing_disabled",
        "Billing is not enabled in the Google Cloud project of the API key. Google asks for it even to use the "
        "free units.",
    ),
    "SERVICE_DISABLED": _NOT_ENABLED,
    "accessNotConfigured": _NOT_ENABLED,
    "API_KEY_SERVICE_BLOCKED": _RESTRICTED,
    "API_KEY_IP_ADDRESS_BLOCKED": _RESTRICTED,
    "API_KEY_HTTP_REFERRER_BLOCKED": _RESTRICTED,
    "API_KEY_ANDROID_APP_BLOCKED": _RESTRICTED,
    "API_KEY_IOS_APP_BLOCKED": _RESTRICTED,
    "ipRefererBlocked": _RESTRICTED,
    "CONSUMER_SUSPENDED": ("project_suspended", "Google has suspended the project of the API key."),
}
# Older front ends answer a used-up quota with 403.
_QUOTA_REASONS = frozenset(
    {
        "RATE_LIMIT_EXCEEDED",
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "dailyLimitExceeded",
        "quotaExceeded",
    }
)


class GoogleCloudVisionProvider:
    """Tags with Google's label detection, in English.

    What is sent is never the original: the image is oriented, scaled down to 1024 pixels and encoded anew as
    JPEG, without EXIF and GPS, far below Google's 10 MB for a request and 75 million pixels for an image.
    """

    name = "google-cloud-vision"
    title = TITLE
    mime_types = frozenset(
        {
            "image/bmp",
            "image/gif",
            "image/jpeg",
            "image/png",
            "image/tiff",
            "image/webp",
            "image/x-icon",
            "image/vnd.microsoft.icon",
        }
    )
    sends_image = True

    def __init__(self, api_key: str, client: WebClient, *, base_url: str = DEFAULT_BASE_URL) -> None:
        self._api_key = api_key.strip()  # keys are pasted
        self._client = client
        self._url = f"{base_url.rstrip('/')}/{VERSION}/images:annotate"

    @property
    def model(self) -> str:
        """The model that is asked for by name."""
        return MODEL

    @property
    def model_version(self) -> str:
        """The version of the API."""
        return VERSION

    def tag(self, image: TaggableImage) -> Answer:
        """Return Google's labels, at most 20. Raises ProviderError or an error of autotag.inference.errors."""
        body = json.dumps({"requests": [_question(image.jpeg(LONGEST_SIDE))]}).encode()
        headers = {"Content-Type": "application/json", "X-Goog-Api-Key": self._api_key}
        reply = post(self._client, self._url, body, headers)
        if reply.status != 200:
            raise _refusal(reply)
        return Answer(_read_labels(reply), self.model, self.model_version)


def build(values: Mapping[str, Any], tools: ProviderTools) -> GoogleCloudVisionProvider:
    """Return the provider for the settings of the Google Cloud Vision entry.

    Another base address than Google's comes from the operator of the installation, who allows its host thereby.
    """
    allowed = set(tools.allowed_private_hosts)
    if tools.google_vision_url.rstrip("/") != DEFAULT_BASE_URL:
        allowed.add(authority_of(tools.google_vision_url))
    client = WebClient(allowed)
    return GoogleCloudVisionProvider(str(values["api_key"]), client, base_url=tools.google_vision_url)


def _question(content: bytes) -> dict[str, Any]:
    feature = {"type": "LABEL_DETECTION", "maxResults": MOST_PREDICTIONS, "model": MODEL}
    return {"image": {"content": base64.b64encode(content).decode()}, "features": [feature]}


def _read_labels(reply: Reply) -> Sequence[Prediction]:
    """Read the answer for the one image. No labels means that the field is missing (proto3 JSON)."""
    responses = as_mapping(reply.document()).get("responses")
    if not isinstance(responses, list) or len(responses) != 1 or not isinstance(responses[0], dict):
        raise unexpected(TITLE)
    response = responses[0]
    if response.get("error"):
        raise _image_refusal(response["error"])
    labels = response.get("labelAnnotations")
    return [] if labels is None else read_predictions(labels, "description", "score", TITLE)


def _image_refusal(error: object) -> ProviderError:
    """Explain an error that stands inside an answer of 200, where `code` is a number of google.rpc.Code."""
    code = as_mapping(error).get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return unexpected(TITLE)
    if code == _INVALID_ARGUMENT:
        return ImageUnsuitable("bad_image", f"{TITLE} cannot read this image.")
    if code == _UNAUTHENTICATED:
        return ProviderMisconfigured(*_KEY)
    if code in (_PERMISSION_DENIED, _FAILED_PRECONDITION):
        return ProviderMisconfigured(*_PERMISSION)
    if code == _RESOURCE_EXHAUSTED:
        return _limited(None)
    return _trouble(timed_out=code == _DEADLINE_EXCEEDED)


def _refusal(reply: Reply) -> ProviderError:
    """Explain a status other than 200: by the status first, since a gateway may have answered, in HTML."""
    if reply.status in (400, 401, 403):
        return _request_refusal(reply)
    if reply.status == 429:
        return _limited(reply.retry_after)
    if reply.status >= 500 or reply.status == 408:
        return _trouble(timed_out=reply.status in (408, 504), retry_after=reply.retry_after)
    return _status_refusal(reply.status)


def _status_refusal(status: int) -> ProviderError:
    if status == 410:
        return VersionRetired("version_retired", f"Google does not serve {VERSION} of Cloud Vision any more.")
    if status in (404, 405):
        return ProviderMisconfigured(
            "wrong_address", f"There is no {TITLE} at the base address that this installation is set up with."
        )
    if status == 413:
        return ImageUnsuitable("image_too_large", f"{TITLE} finds this image too large.")
    return ProtocolViolation("unexpected_status", f"{TITLE} answered with the unexpected status {status}.")


def _request_refusal(reply: Reply) -> ProviderError:
    error = as_mapping(as_mapping(reply.document()).get("error"))
    reasons = _reasons(error)
    known = [_REASONS[reason] for reason in reasons if reason in _REASONS]
    if known:
        return ProviderMisconfigured(*known[0])
    if not _QUOTA_REASONS.isdisjoint(reasons):
        return _limited(reply.retry_after)
    if reply.status == 400:
        return _bad_request(error)
    return ProviderMisconfigured(*(_KEY if reply.status == 401 else _PERMISSION))


def _bad_request(error: Mapping[str, Any]) -> ProviderError:
    message = error.get("message")
    if isinstance(message, str) and "api key" in message.lower():
        return ProviderMisconfigured(*_KEY)
    if error.get("status") == "FAILED_PRECONDITION":
        return ProviderMisconfigured(*_PERMISSION)
    if error.get("status") == "INVALID_ARGUMENT":
        return ImageUnsuitable("bad_image", f"{TITLE} does not accept the request with this image.")
    return unexpected(TITLE)


def _reasons(error: Mapping[str, Any]) -> list[str]:
    entries = (*mappings_of(error.get("details")), *mappings_of(error.get("errors")))
    return [entry["reason"] for entry in entries if isinstance(entry.get("reason"), str)]


def _limited(retry_after: float | None) -> ProviderUnavailable:
    message = "The quota of the API key's Google Cloud project is used up for now."
    return ProviderUnavailable("rate_limited", message, retry_after=retry_after)


def _trouble(*, timed_out: bool, retry_after: float | None = None) -> ProviderUnavailable:
    if timed_out:
        message = f"{TITLE} did not finish in time."
        return ProviderUnavailable("timed_out", message, retry_after=retry_after)
    return ProviderUnavailable(
        "service_unavailable", f"{TITLE} is in trouble at the moment.", retry_after=retry_after
    )
