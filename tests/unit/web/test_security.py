from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from autotag.config import Config
from autotag.models import VirtualInstance
from tests.unit.conftest import Factory

PAGES = ["/sign-in", "/documents", "/no-such-page", "/healthz", "/static/mark.svg"]


@pytest.fixture(autouse=True)
def instance(default_instance: VirtualInstance) -> VirtualInstance:
    return default_instance


@pytest.mark.parametrize("host", ["localhost", "evil.net"])
def test_every_answer_tells_the_browser_what_not_to_do(client: FlaskClient, host: str) -> None:
    for path in PAGES:
        with client.get(path, headers={"Host": host}) as answer:
            assert_headers(answer.headers)


def assert_headers(headers: Headers) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_every_answer_can_be_found_in_the_log(client: FlaskClient) -> None:
    numbers = {client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(numbers) == 3
    assert all(len(number) == 16 for number in numbers)


def test_pages_are_kept_by_nobody(client: FlaskClient) -> None:
    for path in ("/sign-in", "/documents", "/no-such-page"):
        cache = client.get(path).cache_control
        assert (cache.private, cache.no_store) == (True, True), path


def test_a_static_file_is_kept_for_good_only_with_its_fingerprint(client: FlaskClient) -> None:
    with client.get("/static/mark.svg?v=abc") as kept, client.get("/static/mark.svg") as asked_again:
        assert (kept.cache_control.max_age, kept.cache_control.immutable) == (365 * 24 * 60 * 60, True)
        assert asked_again.cache_control.no_cache


def test_the_cookie_is_for_the_server_only(
    client: FlaskClient, make: Factory, instance: VirtualInstance, sign_in: Callable[..., None]
) -> None:
    header = client.get("/sign-in").headers["Set-Cookie"]
    assert header.startswith("autotag=")
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Domain=" not in header


def test_under_https_the_cookie_is_for_https_and_this_host_alone(client: FlaskClient) -> None:
    header = client.get("/sign-in", base_url="https://localhost/").headers["Set-Cookie"]
    assert header.startswith("__Host-autotag=")
    parts = {part.strip() for part in header.split(";")[1:]}
    assert parts >= {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert "Domain=" not in header


def test_a_plain_cookie_counts_for_nothing_under_https(
    client: FlaskClient, make: Factory, instance: VirtualInstance, sign_in: Callable[..., None]
) -> None:
    """A neighbour on a subdomain, or whoever is in between, can set a plain one."""
    sign_in(client, make.user(instance))
    assert client.get("/documents").status_code == 200
    assert client.get("/documents", base_url="https://localhost/").status_code == 303


def test_every_cookie_that_is_set_has_the_prefix_under_https(
    client: FlaskClient, make: Factory, instance: VirtualInstance
) -> None:
    token = make.token(make.user(instance))
    with client.session_transaction(base_url="https://localhost/") as cookie:
        cookie["_user_id"] = token
    for path in (*PAGES, "/", "/account", "/account/tokens", "/documents?view=list", "/tags"):
        with client.get(path, base_url="https://localhost/") as answer:
            for header in answer.headers.getlist("Set-Cookie"):
                assert header.startswith("__Host-"), path
                assert "Secure" in header, path


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1", 303), ("acme.localhost", 303)],
)
def test_a_cookie_is_signed_for_one_host(
    app: Flask, make: Factory, instance: VirtualInstance, host: str, status: int
) -> None:
    """127.0.0.1 is the same instance, so the signature alone makes the difference."""
    make.instance("acme")
    signer = app.session_interface.serializer_for(app, "localhost")  # type: ignore[attr-defined]
    cookie = signer.dumps({"_user_id": make.token(make.user(instance)), "_fresh": True})
    client = app.test_client(use_cookies=False)
    answer = client.get("/documents", headers={"Host": host, "Cookie": f"autotag={cookie}"})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("fallbacks", "status"), [(["only for tests"], 200), (["some other key"], 303), ([], 303)]
)
def test_a_cookie_signed_with_an_earlier_key_is_read_while_that_key_is_known(
    app: Flask,
    client: FlaskClient,
    make: Factory,
    instance: VirtualInstance,
    sign_in: Callable[..., None],
    fallbacks: list[str],
    status: int,
) -> None:
    sign_in(client, make.user(instance))
    app.config.update(SECRET_KEY="a new key", SECRET_KEY_FALLBACKS=fallbacks)
    assert client.get("/documents").status_code == status


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [(0, ("10.0.0.9", "http")), (1, ("203.0.113.5", "https")), (2, ("198.51.100.7", "https"))],
)
def test_as_many_addresses_are_believed_as_servers_stand_in_front(
    config: Config, build_app: Callable[[Config], Flask], proxies: int, seen: tuple[str, str]
) -> None:
    app = build_app(replace(config, proxies=proxies))
    noted: list[tuple[str | None, str]] = []
    app.before_request_funcs.setdefault(None, []).append(
        lambda: noted.append((request.remote_addr, request.scheme))
    )
    headers = {
        # The first could be made up by whoever asks.
        "X-Forwarded-For": "192.0.2.1, 198.51.100.7, 203.0.113.5",
        "X-Forwarded-Proto": "https, https",
        "X-Forwarded-Host": "evil.net",
    }
    with app.test_client() as client:
        client.get("/healthz", headers=headers, environ_overrides={"REMOTE_ADDR": "10.0.0.9"})
        assert request.host == "localhost"
    assert noted == [seen]
