"""What Microsoft's versions answer: three forms of success, and errors in as many more."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autotag.inference.process.process import Prediction
from autotag.outbound_http.client import LONGEST_RETRY_AFTER, Reply
from autotag.providers.answers import as_mapping, read_predictions, unexpected
from autotag.providers.base import (
    ImageUnsuitable,
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    VersionRetired,
)
from autotag.providers.microsoft.endpoint import AnswerForm

TITLE = "Microsoft Cognitive Services"

# Codes of the specifications of v2.0 to v4.0, in lower case, by what they mean for us.
_RETIRED_CODES = frozenset({"gone"})
_TRANSIENT_CODES = frozenset(
    {"failedtoprocess", "timeout", "internalservererror", "storageexception", "serviceunavailable"}
)
_IMAGE_CODES = frozenset({"invalidimageformat", "invalidimagesize", "notsupportedimage"})
_MEDIA_TYPE_CODES = frozenset({"unsupportedmediatype"})
_ARGUMENT_CODES = frozenset(
    {
        "badargument",
        "invalidargument",
        "invaliddetails",
        "invalidimageurl",
        "notsupportedlanguage",
        "notsupportedvisualfeature",
    }
)
_DEEPEST_ERROR = 5


def read_tags(reply: Reply, form: AnswerForm) -> list[Prediction]:
    """Return the tags of a successful answer, at most 20, highest first. Raises ProtocolViolation."""
    document = reply.document()
    if not isinstance(document, dict):
        raise unexpected(TITLE)
    return read_predictions(_TAGS_OF[form](document), "name", "confidence", TITLE)


def refusal(reply: Reply, *, retired: str) -> ProviderError:
    """Explain a status other than 200, whatever form its body has, JSON or not.

    `retired` is the sentence to use when the service does not serve this version. Nothing of the body is
    repeated.
    """
    codes, message = _read_error(reply.document())
    if reply.status in (404, 410) or not _RETIRED_CODES.isdisjoint(codes):
        return VersionRetired("version_retired", retired)
    if reply.status == 401:
        return ProviderMisconfigured(
            "bad_credentials",
            "Microsoft does not accept the API key at this endpoint. A key works only with the region or the "
            "resource that it was made for.",
        )
    if reply.status == 403:
        return ProviderMisconfigured(
            "quota_or_network",
            "Microsoft refuses the API key: its quota is used up, or the resource's network rules or its "
            "settings for keys keep this installation out.",
        )
    if reply.status == 429:
        return ProviderUnavailable(
            "rate_limited",
            "Microsoft's limit of calls for this API key is reached for now.",
            retry_after=_after(message) if reply.retry_after is None else reply.retry_after,
        )
    if reply.status >= 500 or reply.status == 408:
        return _trouble(reply)
    return _other_refusal(reply, codes)


def _other_refusal(reply: Reply, codes: Sequence[str]) -> ProviderError:
    if reply.status == 415 or not _MEDIA_TYPE_CODES.isdisjoint(codes):
        return ProtocolViolation("unsupported_media_type", f"{TITLE} does not take images as they are sent.")
    if reply.status == 413:
        return ImageUnsuitable("image_too_large", f"{TITLE} finds this image too large.")
    if reply.status == 400:
        return _bad_request(reply, codes)
    return ProtocolViolation(
        "unexpected_status", f"{TITLE} answered with the unexpected status {reply.status}."
    )


def _bad_request(reply: Reply, codes: Sequence[str]) -> ProviderError:
    if not _IMAGE_CODES.isdisjoint(codes):
        return ImageUnsuitable("bad_image", f"{TITLE} cannot use this image.")
    if not _TRANSIENT_CODES.isdisjoint(codes):
        return _trouble(reply)
    if not _ARGUMENT_CODES.isdisjoint(codes):
        return ProviderMisconfigured(
            "bad_argument",
            "The service at the endpoint does not offer tags in this way. Not every region has every version: "
            "check the endpoint.",
        )
    return unexpected(TITLE)


def _trouble(reply: Reply) -> ProviderUnavailable:
    return ProviderUnavailable(
        "service_unavailable", f"{TITLE} is in trouble at the moment.", retry_after=reply.retry_after
    )


def _read_error(document: object) -> tuple[Sequence[str], str]:
    """Return the codes of an error, inner ones too, in lower case, and its message.

    Seen are a flat object (v2), one in `error` with another in `innererror` (v3.2, 4.0), `statusCode` for `code`
    (gateways), and each as text or number.
    """
    codes: list[str] = []
    messages: list[str] = []
    level = as_mapping(document)
    for _ in range(_DEEPEST_ERROR):
        found = (level.get(name) for name in ("code", "statusCode"))
        codes += [str(code).lower() for code in found if isinstance(code, (str, int))]
        messages += [level["message"]] if isinstance(level.get("message"), str) else []
        level = as_mapping(level.get("error")) or as_mapping(level.get("innererror"))
    return codes, " ".join(messages)


def _after(message: str) -> float | None:
    found = re.search(r"\b(?:after|in) ([0-9]{1,9}) second", message, re.IGNORECASE)
    return min(float(found[1]), LONGEST_RETRY_AFTER) if found else None


def _tags_of_v2(document: Mapping[str, Any]) -> object:
    return document.get("tags")


def _tags_of_v3(document: Mapping[str, Any]) -> object:
    # The specification of v3.2 declares the list nullable. An object without it is no answer all the same.
    return [] if "tags" in document and document["tags"] is None else document.get("tags")


def _tags_of_analyze(document: Mapping[str, Any]) -> object:
    return as_mapping(document.get("tagsResult")).get("values")


_TAGS_OF: Mapping[AnswerForm, Callable[[Mapping[str, Any]], object]] = {
    AnswerForm.TAG_V2: _tags_of_v2,
    AnswerForm.TAG_V3: _tags_of_v3,
    AnswerForm.ANALYZE: _tags_of_analyze,
}
