from autotag.outbound_http.client import WebClient
from autotag.outbound_http.errors import (
    ServiceUnreachable,
)


def _secure(service, trusting, name="vision.example", **options):
    return WebClient(
        [f"{name}:{service.port}"],
        resolver=lambda _host, _port: ["127.0.0.1"],
        certificates=trusting,
        **options,
    )


def test_tls_asks_for_the_name_and_verifies_it(post, secure_service, trusting, asked_names):
    client = _secure(secure_service, trusting)
    assert post(client, f"https://vision.example:{secure_service.port}/").status == 404
    assert asked_names == ["vision.example"]
    assert secure_service.requests[0].header("host") == f"vision.example:{secure_service.port}"


def test_a_certificate_of_another_name_is_not_trusted(post, secure_service, trusting, refusal_of):
    client = _secure(secure_service, trusting, "other.example")
    url = f"https://other.example:{secure_service.port}/"
    refusal_of(lambda: post(client, url), ServiceUnreachable, "tls_failed")
    assert secure_service.requests == []


def test_an_unknown_authority_is_not_trusted(post, secure_service, refusal_of):
    client = _secure(secure_service, None)
    url = f"https://vision.example:{secure_service.port}/"
    refusal_of(lambda: post(client, url), ServiceUnreachable, "tls_failed")
    assert secure_service.requests == []


def test_a_slow_answer_over_tls_is_cut(post, secure_service, trusting, quick, refusal_of):
    secure_service.fail_next(1, "slow_body")
    client = _secure(secure_service, trusting, limits=quick)
    url = f"https://vision.example:{secure_service.port}/"
    refusal_of(lambda: post(client, url), ServiceUnreachable, "timed_out")


def test_plain_http_where_tls_is_expected_is_not_trusted(post, service, refusal_of):
    client = WebClient(["127.0.0.1"])
    refusal_of(lambda: post(client, f"https://{service.host}/"), ServiceUnreachable, "tls_failed")
