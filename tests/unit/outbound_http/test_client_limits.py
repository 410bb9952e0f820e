import gzip
import socket
import threading
import time
import zlib

import pytest

from autotag.outbound_http.client import Limits, WebClient
from autotag.outbound_http.errors import (
    AnswerUnusable,
    ServiceUnreachable,
)


def test_an_image_is_not_sent_a_second_time_when_the_first_connection_breaks(post, service, refusal_of):
    service.fail_next(2, "cut_body")
    client = WebClient(["gateway"], resolver=lambda _host, _port: ["127.0.0.1", "127.0.0.1"])
    error = refusal_of(
        lambda: post(client, f"http://gateway:{service.port}/"), ServiceUnreachable, "connection_failed"
    )
    assert error.message == "The connection to gateway broke."
    assert len(service.requests) == 1


def test_a_resolver_that_hangs_is_not_waited_for(post, quick, refusal_of):
    client = WebClient(resolver=lambda _host, _port: time.sleep(30) or ["8.8.8.8"], limits=quick)
    started = time.monotonic()
    refusal_of(lambda: post(client, "https://slow.example/"), ServiceUnreachable, "dns_failed")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("kind", ["slow_body", "slow_headers", "silence"])
def test_a_slow_answer_is_cut(kind, post, service, refusal_of):
    service.fail_next(1, kind)
    started = time.monotonic()
    refusal_of(lambda: post(is_hasty=True), ServiceUnreachable, "timed_out")
    assert time.monotonic() - started < 10


@pytest.fixture
def speaker():
    """Starts a listener that answers one request with these bytes and then hangs on for some seconds."""
    threads = []

    def speak(listener, content, seconds):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(content)
            time.sleep(seconds)

    def start(content, seconds=0.0):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=speak, args=(listener, content, seconds)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    listeners = []
    yield start
    for thread in threads:
        thread.join()
    for listener in listeners:
        listener.close()


def test_a_body_without_a_length_that_is_cut_is_not_taken_for_whole(post, speaker, refusal_of):
    url = speaker(b"HTTP/1.0 200 OK\r\n\r\n{}", seconds=0.6)
    client = WebClient(["127.0.0.1"], limits=Limits(total_seconds=0.3))
    refusal_of(lambda: post(client, url), ServiceUnreachable, "timed_out")


@pytest.mark.parametrize("kind", ["huge_body", "gzip_bomb"])
def test_an_answer_that_is_too_large_is_not_read(kind, post, service, refusal_of):
    service.fail_next(1, kind)
    refusal_of(post, AnswerUnusable, "answer_too_large")


def test_an_answer_of_exactly_the_limit_is_read(post, plan):
    limit = Limits().body_bytes
    plan(200, b" " * limit)
    assert len(post().body) == limit


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
def test_a_compressed_answer_is_read_though_not_asked_for(encoding, compress, post, plan):
    plan(200, compress(b'{"a": 1}'), {"Content-Encoding": encoding})
    assert post().document() == {"a": 1}


@pytest.mark.parametrize(("encoding", "body"), [("gzip", b"no gzip"), ("br", b"x"), ("gzip, gzip", b"x")])
def test_an_answer_that_cannot_be_decoded_is_no_answer(encoding, body, post, plan, refusal_of):
    plan(200, body, {"Content-Encoding": encoding})
    refusal_of(post, AnswerUnusable, "answer_unreadable")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_service_that_speaks_no_http_is_unavailable(content, post, speaker, refusal_of):
    url = speaker(content)
    refusal_of(lambda: post(WebClient(["127.0.0.1"]), url), ServiceUnreachable, "connection_failed")
