import base64
import json

import pytest

from autotag.inference.installing.store import ModelStore
from autotag.inference.process.process import Prediction
from autotag.providers.base import (
    ImageUnsuitable,
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    VersionRetired,
)
from autotag.providers.google_vision import GoogleCloudVisionProvider, build
from autotag.providers.registry import ProviderTools


@pytest.fixture
def service(google_service):
    return google_service


@pytest.fixture
def provider(service, client_for):
    return GoogleCloudVisionProvider(service.key, client_for(service), base_url=service.address)


def test_labels_come_with_their_model(provider, service, draw):
    service.labels = [("Dog", 0.71), ("Grass", 0.95), ("Sky", 0.5)]
    answer = provider.tag(draw())
    assert list(answer.predictions) == [
        Prediction("Grass", 0.95),
        Prediction("Dog", 0.71),
        Prediction("Sky", 0.5),
    ]
    assert (answer.model, answer.model_version, answer.runtime) == ("builtin/stable", "v1", "")
    assert (provider.model, provider.model_version) == ("builtin/stable", "v1")


def test_different_pictures_have_different_labels(provider, draw):
    assert provider.tag(draw(colour="red")).predictions != provider.tag(draw(colour="blue")).predictions


def test_what_it_takes():
    kinds = {f"image/{kind}" for kind in ("bmp", "gif", "jpeg", "png", "tiff", "webp", "x-icon")}
    assert GoogleCloudVisionProvider.mime_types >= kinds
    assert "image/vnd.microsoft.icon" in GoogleCloudVisionProvider.mime_types
    assert GoogleCloudVisionProvider.sends_image


def test_the_request_is_as_published_with_the_key_in_a_header_only(provider, service, draw):
    picture = draw(4000, 3000)
    provider.tag(picture)
    (request,) = service.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/images:annotate", {})
    assert request.header("x-goog-api-key") == service.key
    assert service.key.encode() not in request.body
    (question,) = json.loads(request.body)["requests"]
    assert question["features"] == [{"type": "LABEL_DETECTION", "maxResults": 20, "model": "builtin/stable"}]
    assert base64.b64decode(question["image"]["content"]).startswith(b"\xff\xd8")
    assert (picture.sides, request.image_size) == ([1024], (1024, 768))


def test_at_most_twenty_labels_are_asked_for(provider, service, draw):
    service.labels = [(f"Label {number}", number / 30) for number in range(30)]
    assert len(provider.tag(draw()).predictions) == 20


def test_no_labels_are_no_mistake(provider, service, draw):
    service.labels = []
    assert list(provider.tag(draw()).predictions) == []


@pytest.mark.parametrize("labels", ["null", "[]"])
def test_empty_labels_are_no_mistake(labels, provider, service, draw, google_module):
    body = f'{{"responses": [{{"labelAnnotations": {labels}, "error": null}}]}}'.encode()
    service.fail_next(1, google_module.Canned(200, body))
    assert list(provider.tag(draw()).predictions) == []


def test_a_key_may_be_pasted_with_spaces(service, client_for, draw):
    provider = GoogleCloudVisionProvider(
        f" {service.key}\n", client_for(service), base_url=f"{service.address}/"
    )
    assert provider.tag(draw()).predictions


def test_it_is_built_from_the_entry_and_the_operators_base_address(service, draw, tmp_path):
    tools = ProviderTools(ModelStore(tmp_path), google_vision_url=service.address)
    assert build({"api_key": service.key}, tools).tag(draw()).predictions


@pytest.mark.parametrize("url", ["https://[", "nonsense", "https://user:secret@host.example"])
def test_a_base_address_that_is_none_is_a_mistake(url, draw, tmp_path, refusal_of):
    provider = build({"api_key": "key"}, ProviderTools(ModelStore(tmp_path), google_vision_url=url))
    refusal_of(lambda: provider.tag(draw()), ProviderMisconfigured, "address_refused")


def test_google_itself_may_not_lead_to_an_inner_address(draw, tmp_path, refusal_of, monkeypatch):
    found = [(0, 0, 0, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    provider = build({"api_key": "key"}, ProviderTools(ModelStore(tmp_path)))
    refusal_of(lambda: provider.tag(draw()), ProviderMisconfigured, "address_refused")


REFUSALS = [
    ("key_invalid", ProviderMisconfigured, "bad_credentials", "API key"),
    ("key_expired", ProviderMisconfigured, "bad_credentials", "expired"),
    ("legacy_key_invalid", ProviderMisconfigured, "bad_credentials", "API key"),
    ("billing_disabled", ProviderMisconfigured, "billing_disabled", "Billing"),
    ("service_disabled", ProviderMisconfigured, "service_disabled", "not enabled"),
    ("legacy_service_disabled", ProviderMisconfigured, "service_disabled", "not enabled"),
    ("key_blocked", ProviderMisconfigured, "key_restricted", "restricted"),
    ("address_blocked", ProviderMisconfigured, "key_restricted", "restricted"),
    ("referrer_blocked", ProviderMisconfigured, "key_restricted", "restricted"),
    ("forbidden_html", ProviderMisconfigured, "permission_denied", "permit"),
    ("redirect", ProviderMisconfigured, "redirected", "redirects"),
    ("rate_limited", ProviderUnavailable, "rate_limited", "quota"),
    ("quota_exceeded", ProviderUnavailable, "rate_limited", "quota"),
    ("legacy_rate_limit", ProviderUnavailable, "rate_limited", "quota"),
    ("server_error", ProviderUnavailable, "service_unavailable", "trouble"),
    ("unavailable", ProviderUnavailable, "service_unavailable", "trouble"),
    ("gateway_html", ProviderUnavailable, "service_unavailable", "trouble"),
    ("timeout", ProviderUnavailable, "timed_out", "in time"),
    ("cut_body", ProviderUnavailable, "connection_failed", "broke"),
    ("html", ProtocolViolation, "answer_unexpected", "no answer"),
    ("empty", ProtocolViolation, "answer_unexpected", "no answer"),
    ("truncated_json", ProtocolViolation, "answer_unexpected", "no answer"),
    ("huge_body", ProtocolViolation, "answer_too_large", "too large"),
    ("gzip_bomb", ProtocolViolation, "answer_too_large", "too large"),
]


@pytest.mark.parametrize(("kind", "error", "code", "words"), REFUSALS)
def test_each_refusal_has_its_class_and_a_sentence(
    kind, error, code, words, service, client_for, draw, refusal_of, sentinel
):
    service.fail_next(1, kind)
    provider = GoogleCloudVisionProvider(sentinel, client_for(service), base_url=service.address)
    assert words in refusal_of(lambda: provider.tag(draw()), error, code).message


def test_the_key_is_not_repeated_by_a_service_that_repeats_it(
    service, client_for, draw, refusal_of, sentinel, google_module
):
    provider = GoogleCloudVisionProvider(sentinel, client_for(service), base_url=service.address)
    for status in (400, 401, 403, 404, 429, 500):
        echo = {
            "error": {
                "code": sentinel,
                "message": sentinel,
                "status": sentinel,
                "details": [{"reason": sentinel}],
            }
        }
        service.fail_next(1, google_module.Canned.json(echo, status))
        with pytest.raises(ProviderError) as caught:
            provider.tag(draw())
        assert sentinel not in caught.value.message + repr(caught.value)
    assert sentinel not in repr(provider)


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (400, {"error": {"status": "INVALID_ARGUMENT"}}, ImageUnsuitable, "bad_image"),
        (400, {"error": {"status": "FAILED_PRECONDITION"}}, ProviderMisconfigured, "permission_denied"),
        (400, {"error": {"message": "API key not valid."}}, ProviderMisconfigured, "bad_credentials"),
        (400, {"error": {"message": 7}}, ProtocolViolation, "answer_unexpected"),
        (400, {"error": "text"}, ProtocolViolation, "answer_unexpected"),
        (400, [], ProtocolViolation, "answer_unexpected"),
        (401, {}, ProviderMisconfigured, "bad_credentials"),
        (
            403,
            {"error": {"details": [{"reason": 7}, 7], "errors": 7}},
            ProviderMisconfigured,
            "permission_denied",
        ),
        (
            403,
            {"error": {"details": [{"reason": "CONSUMER_SUSPENDED"}]}},
            ProviderMisconfigured,
            "project_suspended",
        ),
        (404, {}, ProviderMisconfigured, "wrong_address"),
        (405, {}, ProviderMisconfigured, "wrong_address"),
        (408, {}, ProviderUnavailable, "timed_out"),
        (410, {}, VersionRetired, "version_retired"),
        (413, {}, ImageUnsuitable, "image_too_large"),
        (415, {}, ProtocolViolation, "unexpected_status"),
        (204, {}, ProtocolViolation, "unexpected_status"),
        (418, {}, ProtocolViolation, "unexpected_status"),
        (599, {}, ProviderUnavailable, "service_unavailable"),
        (200, {}, ProtocolViolation, "answer_unexpected"),
        (200, [], ProtocolViolation, "answer_unexpected"),
        (200, {"responses": []}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": {}}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [{}, {}]}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [[]]}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [{"labelAnnotations": {}}]}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [{"labelAnnotations": [{}]}]}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [{"error": "text"}]}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [{"error": {"code": "3"}}]}, ProtocolViolation, "answer_unexpected"),
        (200, {"responses": [{"error": {"code": True}}]}, ProtocolViolation, "answer_unexpected"),
    ],
)
def test_each_status_and_shape_has_its_class(
    status, body, error, code, provider, draw, refusal_of, google_module, service
):
    service.fail_next(1, google_module.Canned.json(body, status))
    refusal_of(lambda: provider.tag(draw()), error, code)


@pytest.mark.parametrize(
    ("grpc_code", "error", "code"),
    [
        (1, ProviderUnavailable, "service_unavailable"),
        (2, ProviderUnavailable, "service_unavailable"),
        (3, ImageUnsuitable, "bad_image"),
        (4, ProviderUnavailable, "timed_out"),
        (7, ProviderMisconfigured, "permission_denied"),
        (8, ProviderUnavailable, "rate_limited"),
        (9, ProviderMisconfigured, "permission_denied"),
        (13, ProviderUnavailable, "service_unavailable"),
        (14, ProviderUnavailable, "service_unavailable"),
        (16, ProviderMisconfigured, "bad_credentials"),
    ],
)
def test_an_error_inside_an_answer_of_200_is_an_error(
    grpc_code, error, code, provider, service, draw, refusal_of
):
    service.fail_next(1, f"image_error_{grpc_code}")
    refusal_of(lambda: provider.tag(draw()), error, code)


def test_labels_beside_an_error_do_not_make_it_a_success(provider, service, draw, refusal_of, google_module):
    labels = [{"description": "cat", "score": 0.9}]
    body = {"responses": [{"labelAnnotations": labels, "error": {"code": 3}}]}
    service.fail_next(1, google_module.Canned.json(body))
    refusal_of(lambda: provider.tag(draw()), ImageUnsuitable, "bad_image")


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("rate_limited", 7, 7), ("rate_limited_date", 25, 30), ("unavailable", 11, 11)]
)
def test_retry_after_is_handed_on(kind, low, high, provider, service, draw):
    service.fail_next(1, kind)
    with pytest.raises(ProviderUnavailable) as caught:
        provider.tag(draw())
    assert low <= caught.value.retry_after <= high


def test_without_retry_after_there_is_none(provider, service, draw):
    service.fail_next(1, "rate_limited_silent")
    with pytest.raises(ProviderUnavailable) as caught:
        provider.tag(draw())
    assert caught.value.retry_after is None
