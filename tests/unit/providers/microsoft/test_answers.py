import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.inference.process.process import Prediction
from autotag.outbound_http.client import Reply
from autotag.providers.base import (
    ImageUnsuitable,
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    VersionRetired,
)
from autotag.providers.microsoft.answers import read_tags, refusal
from autotag.providers.microsoft.endpoint import AnswerForm

RETIRED = "It was retired."
CAT = {"name": "cat", "confidence": 0.9}
DOG = {"name": "dog", "confidence": 0.95, "hint": "animal"}
TAG_FORMS = (AnswerForm.TAG_V2, AnswerForm.TAG_V3)


def reply(document, status=200, retry_after=None):
    return Reply(status, json.dumps(document).encode(), retry_after)


def refused(document, status):
    return refusal(reply(document, status), retired=RETIRED)


@pytest.mark.parametrize("form", TAG_FORMS)
def test_tags_are_read(form):
    assert read_tags(reply({"tags": [CAT, DOG], "requestId": "1"}), form) == [
        Prediction("dog", 0.95),
        Prediction("cat", 0.9),
    ]
    assert read_tags(reply({"tags": []}), form) == []


def test_tags_of_image_analysis_are_read():
    document = {"modelVersion": "x", "tagsResult": {"values": [CAT]}}
    assert read_tags(reply(document), AnswerForm.ANALYZE) == [Prediction("cat", 0.9)]
    assert read_tags(reply({"tagsResult": {"values": []}}), AnswerForm.ANALYZE) == []


def test_null_is_no_tags_in_the_form_that_declares_it():
    assert read_tags(reply({"tags": None}), AnswerForm.TAG_V3) == []
    with pytest.raises(ProtocolViolation):
        read_tags(reply({"tags": None}), AnswerForm.TAG_V2)


@pytest.mark.parametrize("form", AnswerForm)
@pytest.mark.parametrize(
    "document",
    [None, [], "x", {}, {"tags": {}}, {"tagsResult": []}, {"tagsResult": {"values": {}}}, {"tags": [{}]}],
)
def test_another_shape_is_no_answer(form, document):
    with pytest.raises(ProtocolViolation) as caught:
        read_tags(reply(document), form)
    assert caught.value.code == "answer_unexpected"


def shapes(status, code):
    """The same error in every shape that was seen."""
    return [
        {"code": code, "message": "Text.", "requestId": "1"},
        {"error": {"code": code, "message": "Text."}},
        {
            "error": {
                "code": "InvalidRequest",
                "message": "Text.",
                "innererror": {"code": code, "message": "Text."},
            }
        },
        {"error": {"statusCode": status, "code": code.upper()}},
        {"statusCode": status, "error": {"innererror": {"innererror": {"code": code}}}},
    ]


@pytest.mark.parametrize(
    ("status", "code", "kind", "expected"),
    [
        (400, "InvalidImageFormat", ImageUnsuitable, "bad_image"),
        (400, "InvalidImageSize", ImageUnsuitable, "bad_image"),
        (400, "NotSupportedImage", ImageUnsuitable, "bad_image"),
        (400, "BadArgument", ProviderMisconfigured, "bad_argument"),
        (400, "InvalidArgument", ProviderMisconfigured, "bad_argument"),
        (400, "InvalidDetails", ProviderMisconfigured, "bad_argument"),
        (400, "InvalidImageUrl", ProviderMisconfigured, "bad_argument"),
        (400, "NotSupportedLanguage", ProviderMisconfigured, "bad_argument"),
        (400, "NotSupportedVisualFeature", ProviderMisconfigured, "bad_argument"),
        (400, "UnsupportedMediaType", ProtocolViolation, "unsupported_media_type"),
        (400, "Timeout", ProviderUnavailable, "service_unavailable"),
        (400, "Unspecified", ProtocolViolation, "answer_unexpected"),
        (400, "Gone", VersionRetired, "version_retired"),
        (403, "Gone", VersionRetired, "version_retired"),
        (401, "Unspecified", ProviderMisconfigured, "bad_credentials"),
        (403, "403", ProviderMisconfigured, "quota_or_network"),
        (404, "404", VersionRetired, "version_retired"),
        (410, "Gone", VersionRetired, "version_retired"),
        (413, "RequestTooLarge", ImageUnsuitable, "image_too_large"),
        (415, "UnsupportedMediaType", ProtocolViolation, "unsupported_media_type"),
        (418, "Teapot", ProtocolViolation, "unexpected_status"),
        (429, "429", ProviderUnavailable, "rate_limited"),
        (408, "Timeout", ProviderUnavailable, "service_unavailable"),
        (500, "FailedToProcess", ProviderUnavailable, "service_unavailable"),
        (503, "Timeout", ProviderUnavailable, "service_unavailable"),
    ],
)
def test_each_status_and_code_has_its_class_in_every_shape(status, code, kind, expected):
    for document in shapes(status, code):
        error = refused(document, status)
        assert (type(error), error.code) == (kind, expected), document


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b"[]", b"null", b'{"error": "text"}', b'{"code": {}}']
)
def test_the_status_is_enough_where_the_body_says_nothing(body):
    codes = [
        refusal(Reply(status, body), retired=RETIRED).code
        for status in (400, 401, 403, 404, 410, 415, 429, 502)
    ]
    assert codes == [
        "answer_unexpected",
        "bad_credentials",
        "quota_or_network",
        "version_retired",
        "version_retired",
        "unsupported_media_type",
        "rate_limited",
        "service_unavailable",
    ]


def test_a_retired_version_is_explained_in_the_given_words():
    assert refused({}, 410).message == RETIRED


@pytest.mark.parametrize(
    ("message", "header", "seconds"),
    [
        ("Rate limit is exceeded. Try again after 12 seconds.", None, 12),
        ("Please retry after 1 second.", None, 1),
        ("Rate limit is exceeded. Try again in 26 seconds.", None, 26),
        ("Try again after 999999 seconds.", None, 3600),
        ("Try again after 12 seconds.", 3.0, 3),
        ("Try again after 12 seconds.", 0.0, 0),
        ("Later.", None, None),
        (7, None, None),
    ],
)
def test_how_long_to_wait_is_read_from_the_header_or_the_message(message, header, seconds):
    for document in ({"error": {"statusCode": 429, "message": message}}, {"code": "429", "message": message}):
        error = refusal(reply(document, 429, header), retired=RETIRED)
        assert error.retry_after == seconds


def test_trouble_hands_on_how_long_to_wait():
    assert refusal(Reply(503, b"", 11.0), retired=RETIRED).retry_after == 11


fields = st.sampled_from(
    ["tags", "tagsResult", "values", "name", "confidence", "error", "innererror", "code", "message"]
)
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.just("InvalidImageSize"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(AnswerForm), st.sampled_from([400, 401, 403, 404, 429, 500]), documents)
def test_whatever_the_answer_only_provider_errors_escape(form, status, document):
    assert isinstance(refused(document, status), ProviderError)
    try:
        found = read_tags(reply(document), form)
    except ProtocolViolation:
        return
    assert all(0 <= prediction.confidence <= 1 for prediction in found)
