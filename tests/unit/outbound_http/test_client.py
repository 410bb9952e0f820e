import logging
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.outbound_http.client import Reply, WebClient, read_retry_after
from autotag.outbound_http.errors import (
    OutboundError,
    RequestRefused,
    ServiceUnreachable,
)


def test_an_answer_comes_back_with_its_status_and_body(post, plan):
    plan(418, b'{"a": [1]}')
    reply = post()
    assert (reply.status, reply.document(), reply.retry_after) == (418, {"a": [1]}, None)
    assert "[1]" not in repr(reply)


def test_the_request_is_one_plain_post(post, service, sentinel):
    post(url=f"{service.address}/computervision/imageanalysis:analyze?features=tags")
    (request,) = service.requests
    assert request.path == "/computervision/imageanalysis:analyze"
    assert request.query == {"features": "tags"}
    assert request.header("host") == service.host
    assert request.header("x-goog-api-key") == sentinel
    assert request.header("accept-encoding") == "identity"
    assert request.header("connection") == "close"
    assert not {"cookie", "authorization", "proxy-authorization"} & set(request.headers)


def test_the_environment_changes_nothing(post, service, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password something")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    post()
    assert "authorization" not in service.requests[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "https://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://user@127.0.0.1:{port}/",
        "https://localhost",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://0/",
        "http://169.254.169.254/",
        "https://169.254.169.254/latest/meta-data/",
        "http://localhost:6379/",
    ],
)
def test_an_inadmissible_address_is_refused_before_a_byte_is_sent(
    url, post, service, refusal_of, monkeypatch
):
    monkeypatch.setattr(socket, "create_connection", None)
    monkeypatch.setattr("urllib3.util.connection.create_connection", None)
    client = WebClient()
    error = refusal_of(lambda: post(client, url.format(port=service.port)), RequestRefused, "address_refused")
    assert "refused" in error.message
    assert service.connections == 0


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["127.0.0.1"], ["::1"], ["8.8.8.8", "10.0.0.1"], ["fd00::1", "8.8.8.8"]]
)
def test_a_name_that_resolves_to_an_inner_address_is_refused(addresses, post, refusal_of):
    client = WebClient(resolver=lambda _host, _port: addresses)
    error = refusal_of(lambda: post(client, "https://inner.example/"), RequestRefused, "address_refused")
    assert error.message.startswith("The host inner.example is refused: ")


def test_a_name_is_resolved_once_and_the_checked_address_is_called(post, refusal_of, monkeypatch):
    answers = [["8.8.8.8"], ["127.0.0.1"]]
    called = []

    def refuse(address, *_, **__):
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)
    client = WebClient(resolver=lambda _host, _port: answers.pop(0))
    refusal_of(lambda: post(client, "https://rebinding.example/"), ServiceUnreachable, "connection_failed")
    assert called == [("8.8.8.8", 443)]
    # At the next call the name leads inside, and is refused then.
    refusal_of(lambda: post(client, "https://rebinding.example/"), RequestRefused, "address_refused")
    assert called == [("8.8.8.8", 443)]


def test_the_next_address_is_tried_when_one_does_not_answer(post, service, sentinel):
    # Nobody listens on 127.0.0.2: the stub is on 127.0.0.1 only.
    client = WebClient([f"gateway:{service.port}"], resolver=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    assert post(client, f"http://gateway:{service.port}/").status == 404
    assert service.requests[0].header("host") == f"gateway:{service.port}"


def test_a_redirect_is_not_followed(post, service, microsoft_service, refusal_of):
    service.redirect_to = f"{microsoft_service.address}/inside"
    service.fail_next(1, "redirect")
    error = refusal_of(post, RequestRefused, "redirected")
    assert "redirects are not followed" in error.message
    assert (len(service.requests), microsoft_service.connections) == (1, 0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_every_status_of_redirection_is_refused(status, post, plan, refusal_of):
    plan(status, b"", {"Location": "http://127.0.0.1:6379/"})
    refusal_of(post, RequestRefused, "redirected")


def _resolver_that_raises(error):
    def resolver(_host, _port):
        raise error

    return resolver


@pytest.mark.parametrize(
    "resolver",
    [
        _resolver_that_raises(socket.gaierror(socket.EAI_NONAME, "unknown")),
        _resolver_that_raises(UnicodeError("label too long")),
        lambda _host, _port: [],
    ],
)
def test_a_name_that_is_not_found_is_trouble_and_no_mistake(resolver, post, refusal_of):
    client = WebClient(resolver=resolver)
    error = refusal_of(lambda: post(client, "https://lost.example/"), ServiceUnreachable, "dns_failed")
    assert "lost.example" in error.message


def test_a_service_that_is_down_is_unavailable_and_comes_back(post, service, refusal_of):
    service.down()
    refusal_of(post, ServiceUnreachable, "connection_failed")
    service.up()
    assert post().status == 404


@pytest.mark.parametrize(
    "key",
    [
        "",
        " padded",
        "key\n",
        "k\r\nHost: other",
        "sch\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel",
        "\N{SNOWMAN}",
        "a\0b",
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated(key, service, client_for, refusal_of):
    def call():
        return client_for(service).post(service.address, b"", {"X-Key": key})

    error = refusal_of(call, RequestRefused, "bad_credentials")
    assert not key or key not in error.message
    assert service.connections == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, kind) for kind in ("slow_body", "cut_body", "huge_body", "gzip_bomb", "redirect", "silence")],
)
def test_nothing_is_logged_of_the_key(status, kind, post, service, caplog, sentinel):
    caplog.set_level(logging.DEBUG)
    service.fail_next(1, kind)
    with pytest.raises(OutboundError):
        post(is_hasty=True)
    assert sentinel not in caplog.text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("7", 7),
        (" 12 ", 12),
        ("1.5", 1.5),
        ("-5", 0),
        ("3601", 3600),
        ("999999999999", 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", 3600),
        ("Fri, 31 Dec 2999 23:59:59", 3600),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("1e9", None),
        ("99999999999999999999999999", None),
        ("Fri, 99 Dec 2999 99:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds(text, seconds):
    assert read_retry_after(text) == seconds


def test_retry_after_is_read_as_a_date():
    moment = datetime.now(UTC) + timedelta(seconds=90)
    assert read_retry_after(format_datetime(moment, usegmt=True)) == pytest.approx(90, abs=2)


@given(st.text(max_size=40))
def test_no_retry_after_breaks_anything(text):
    seconds = read_retry_after(text)
    assert seconds is None or 0 <= seconds <= 3600


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": ', b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_a_body_that_is_no_json_is_no_document(body):
    assert Reply(200, body).document() is None


@given(
    st.text(max_size=60), st.sampled_from(["", "https://", "http://", "https://host.example/", "https://["])
)
def test_whatever_the_address_only_a_provider_error_escapes(text, beginning):
    client = WebClient(resolver=lambda _host, _port: ["10.0.0.1"])
    with pytest.raises(RequestRefused):
        client.post(beginning + text, b"", {})
