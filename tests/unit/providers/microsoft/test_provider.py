import pytest
from PIL import Image

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
from autotag.providers.microsoft.provider import TOO_MANY_BYTES, MicrosoftProvider, build, suitable_jpeg
from autotag.providers.registry import ProviderTools

PATHS = {"v2.0": "/vision/v2.0", "v3.2": "/vision/v3.2/", "2024-02-01": ""}


@pytest.fixture
def service(microsoft_service):
    return microsoft_service


@pytest.fixture
def provider_at(service, client_for):
    def provider_at(path="/vision/v3.2", key=None):
        return MicrosoftProvider(key or service.key, service.address + path, client_for(service))

    return provider_at


@pytest.mark.parametrize("version", PATHS)
def test_every_version_tags(version, provider_at, service, draw):
    service.labels = [("grass", 0.95), ("dog", 0.71)]
    provider = provider_at(PATHS[version])
    answer = provider.tag(draw())
    assert list(answer.predictions) == [Prediction("grass", 0.95), Prediction("dog", 0.71)]
    assert (
        (answer.model, answer.model_version) == ("tags", version) == (provider.model, provider.model_version)
    )


@pytest.mark.parametrize("version", PATHS)
def test_no_tags_are_no_mistake(version, provider_at, service, draw):
    service.labels = []
    assert list(provider_at(PATHS[version]).tag(draw()).predictions) == []


def test_a_gateway_with_a_way_of_its_own_is_served(provider_at, service, draw):
    assert provider_at("/somewhere/vision/v2.1").tag(draw()).model_version == "v2.1"


def test_it_is_built_from_the_entry_and_what_the_operator_allows(service, draw, tmp_path, refusal_of):
    values = {"api_key": service.key, "api_endpoint": f"{service.address}/vision/v2.0"}
    models = ModelStore(tmp_path)
    assert build(values, ProviderTools(models, allowed_private_hosts=(service.host,))).tag(draw()).predictions
    refused = build(values, ProviderTools(models))
    refusal_of(lambda: refused.tag(draw()), ProviderMisconfigured, "address_refused")


def test_what_it_takes():
    assert MicrosoftProvider.mime_types == {f"image/{kind}" for kind in ("bmp", "gif", "jpeg", "png")}
    assert MicrosoftProvider.sends_image


def test_the_request_is_as_published_with_the_key_in_a_header_only(provider_at, service, draw):
    provider_at("").tag(draw(4000, 3000))
    (request,) = service.requests
    assert request.path == "/computervision/imageanalysis:analyze"
    assert request.query == {"features": "tags", "api-version": "2024-02-01"}
    assert request.header("content-type") == "application/octet-stream"
    assert request.header("ocp-apim-subscription-key") == service.key
    assert request.image_size == (1600, 1200)


REFUSALS = [
    ("unauthorized_text_code", ProviderMisconfigured, "bad_credentials", "region"),
    ("unauthorized_status_code", ProviderMisconfigured, "bad_credentials", "region"),
    ("unauthorized_unspecified", ProviderMisconfigured, "bad_credentials", "region"),
    ("unauthorized_empty", ProviderMisconfigured, "bad_credentials", "region"),
    ("quota", ProviderMisconfigured, "quota_or_network", "quota"),
    ("forbidden_html", ProviderMisconfigured, "quota_or_network", "quota"),
    ("flat_argument", ProviderMisconfigured, "bad_argument", "region"),
    ("redirect", ProviderMisconfigured, "redirected", "redirects"),
    ("retired_404", VersionRetired, "version_retired", "retired"),
    ("retired_410", VersionRetired, "version_retired", "retired"),
    ("retired_gone", VersionRetired, "version_retired", "retired"),
    ("flat_bad_format", ImageUnsuitable, "bad_image", "image"),
    ("nested_bad_size", ImageUnsuitable, "bad_image", "image"),
    ("nested_media_type", ProtocolViolation, "unsupported_media_type", "images"),
    ("rate_limited", ProviderUnavailable, "rate_limited", "limit"),
    ("failed_to_process", ProviderUnavailable, "service_unavailable", "trouble"),
    ("server_error", ProviderUnavailable, "service_unavailable", "trouble"),
    ("unavailable", ProviderUnavailable, "service_unavailable", "trouble"),
    ("gateway_html", ProviderUnavailable, "service_unavailable", "trouble"),
    ("cut_body", ProviderUnavailable, "connection_failed", "broke"),
    ("html", ProtocolViolation, "answer_unexpected", "no answer"),
    ("empty", ProtocolViolation, "answer_unexpected", "no answer"),
    ("truncated_json", ProtocolViolation, "answer_unexpected", "no answer"),
    ("huge_body", ProtocolViolation, "answer_too_large", "too large"),
    ("gzip_bomb", ProtocolViolation, "answer_too_large", "too large"),
]


@pytest.mark.parametrize(("kind", "error", "code", "words"), REFUSALS)
def test_each_refusal_has_its_class_and_a_sentence(
    kind, error, code, words, service, provider_at, draw, refusal_of, sentinel
):
    service.fail_next(1, kind)
    provider = provider_at("/vision/v2.0", sentinel)
    assert words in refusal_of(lambda: provider.tag(draw()), error, code).message


@pytest.mark.parametrize("path", PATHS.values())
def test_a_wrong_key_is_refused_by_every_version(path, provider_at, draw, refusal_of, sentinel):
    refusal_of(lambda: provider_at(path, sentinel).tag(draw()), ProviderMisconfigured, "bad_credentials")


def test_the_key_is_not_repeated_by_a_service_that_repeats_it(
    service, provider_at, draw, sentinel, microsoft_module
):
    for status in (400, 401, 403, 404, 429, 500):
        service.fail_next(1, microsoft_module.flat(status, sentinel, sentinel))
        with pytest.raises(ProviderError) as caught:
            provider_at(key=sentinel).tag(draw())
        assert sentinel not in caught.value.message + repr(caught.value)
    assert sentinel not in repr(provider_at(key=sentinel))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("rate_limited", 7, 7),
        ("rate_limited_date", 25, 30),
        ("rate_limited_message", 12, 12),
        ("rate_limited_status_code", 26, 26),
    ],
)
def test_retry_after_is_handed_on(kind, low, high, provider_at, service, draw):
    service.fail_next(1, kind)
    with pytest.raises(ProviderUnavailable) as caught:
        provider_at().tag(draw())
    assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("way", ["404", "410", "Gone"])
def test_a_retired_version_says_since_when_and_what_to_use(way, provider_at, service, draw, refusal_of):
    service.retired = {"v2.0": way}
    error = refusal_of(lambda: provider_at("/vision/v2.0").tag(draw()), VersionRetired, "version_retired")
    assert error.message == (
        f"Microsoft retired version v2.0 on 2026-09-13. Use the endpoint {service.address}/vision/v3.2 instead."
    )
    assert provider_at("/vision/v3.2").tag(draw()).predictions


def test_an_address_where_nothing_is_says_so(provider_at, draw, refusal_of):
    error = refusal_of(lambda: provider_at("/wrong").tag(draw()), VersionRetired, "version_retired")
    assert "or the endpoint is wrong" in error.message


def test_an_endpoint_that_is_no_address_is_a_mistake(client_for, service, draw, refusal_of):
    provider = MicrosoftProvider("key", "nonsense", client_for(service))
    refusal_of(lambda: provider.tag(draw()), ProviderMisconfigured, "address_refused")
    refusal_of(lambda: provider.model_version, ProviderMisconfigured, "address_refused")


@pytest.mark.parametrize(("width", "height"), [(50, 40), (50, 50), (50, 2000), (2000, 50), (1, 1)])
def test_an_image_that_is_too_small_is_not_sent(width, height, provider_at, service, draw, refusal_of):
    error = refusal_of(lambda: provider_at().tag(draw(width, height)), ImageUnsuitable, "image_too_small")
    assert error.message == (
        "Microsoft Cognitive Services takes images larger than 50 x 50 pixels; "
        f"this one has {width} x {height}."
    )
    assert service.requests == []


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        ((51, 51), (51, 51)),
        ((51, 9000), (51, 9000)),
        ((1600, 1600), (1600, 1600)),
        ((1601, 800), (1600, 800)),
        ((5000, 100), (2600, 52)),
        ((60, 10_000), (52, 8667)),
        ((10_000, 60), (8667, 52)),
    ],
)
def test_an_image_is_scaled_so_that_both_sides_stay_large_enough(size, sent, provider_at, service, draw):
    provider_at("/vision/v2.0").tag(draw(*size))
    found = service.requests[0].image_size
    assert found == pytest.approx(sent, abs=1)
    assert min(found) > 50


def test_an_image_that_is_too_long_and_narrow_is_not_sent(provider_at, service, draw, refusal_of):
    refusal_of(lambda: provider_at().tag(draw(51, 10_001)), ImageUnsuitable, "image_too_narrow")
    assert service.requests == []


def test_an_image_of_too_many_bytes_is_scaled_down_until_it_fits(draw):
    picture = draw()
    picture.image = Image.effect_noise((1600, 1600), 255).convert("RGB")
    picture.quality = 100
    assert len(picture.jpeg(1600)) >= TOO_MANY_BYTES, "this picture must be one that does not fit"
    assert len(suitable_jpeg(picture)) < TOO_MANY_BYTES
    assert picture.sides == [1600, 1600, 800]


def test_an_image_that_never_fits_is_not_sent(draw, refusal_of):
    picture = draw(1600, 800)
    sides = []
    picture.jpeg = lambda side: sides.append(side) or b"x" * TOO_MANY_BYTES
    refusal_of(lambda: suitable_jpeg(picture), ImageUnsuitable, "image_too_large")
    assert sides == [1600, 800, 400, 200, 104]
