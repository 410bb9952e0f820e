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
