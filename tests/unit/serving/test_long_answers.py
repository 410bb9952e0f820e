"""Slow readers and slow services against the real server, over real sockets: pages go on for others."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from autotag.serving.long_answers import Answer, PacedSender, Places
from autotag.serving.web import THREADS
from tests.conftest import clean_environment, free_port, wait_for

SERVER = """
import sys, tempfile, time
from urllib.parse import parse_qs
from autotag.serving import long_answers, web

long_answers.GRACE_SECONDS = float(sys.argv[2])
content = tempfile.TemporaryFile()
content.truncate(50_000_000)

def application(environ, start_response):
    answer = environ["autotag.answer"]
    answer.tenant = environ["QUERY_STRING"]
    path = environ["PATH_INFO"]
    if path in ("/file", "/archive", "/trial") and not answer.take_place():
        start_response("503 Service Unavailable", [("Retry-After", "5"), ("Content-Length", "0")])
        return [b""]
    if path == "/trial":
        time.sleep(8)
    size = 50_000_000 if path in ("/file", "/archive", "/page") else 5
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
    if path == "/file":
        return environ["wsgi.file_wrapper"](open(content.fileno(), "rb", closefd=False))
    if path == "/archive":
        return (bytes(50_000) for _ in range(1000))
    return [bytes(size)]

class Server(web.WebServer):
    def load(self):
        return application

Server(None, host="127.0.0.1", port=int(sys.argv[1])).run()
"""
SHARE = 3
"""Of eight threads two are kept for pages and one for bodies; one tenant has at most the half of the other five."""
MOST = THREADS - 3


class Server:
    """The server, asked by quick callers and by slow ones."""

    def __init__(self, port: int) -> None:
        self.port = port

    def status(self, path: str = "/") -> int:
        answer = requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)
        assert answer.status_code != 503 or answer.headers["Retry-After"] == "5"
        return answer.status_code

    def is_up(self) -> bool:
        try:
            return self.status() == 200
        except requests.ConnectionError:
            return False

    def begin(self, path: str) -> socket.socket:
        """Ask, with little room for the answer, and read nothing."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        connection.settimeout(20)
        return connection


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[float], Server]]:
    with ExitStack() as stack:

        def start(grace: float) -> Server:
            server = Server(free_port())
            command = [sys.executable, "-c", SERVER, str(server.port), str(grace)]
            process = stack.enter_context(subprocess.Popen(command, env=clean_environment(), cwd=tmp_path))
            stack.callback(process.send_signal, signal.SIGKILL)
            wait_for(server.is_up, "the server's first answer")
            return server

        yield start


def first_line(connection: socket.socket) -> bytes:
    return connection.recv(12)


@pytest.mark.parametrize("path", ["/file", "/archive", "/trial"])
def test_slow_downloads_and_trials_of_one_tenant_keep_nobody_from_pages_and_files(
    start: Callable[[float], Server], path: str
) -> None:
    server = start(30.0)
    with ExitStack() as stack:
        slow = [stack.enter_context(server.begin(f"{path}?acme")) for _ in range(THREADS)]
        began = time.monotonic()
        assert [server.status() for _ in range(5)] == [200] * 5
        assert time.monotonic() - began < 3
        statuses = sorted(map(first_line, slow))
        assert statuses == [b"HTTP/1.1 200"] * SHARE + [b"HTTP/1.1 503"] * (THREADS - SHARE)
        assert server.status(f"{path}?globex") == 200
        assert server.status() == 200


def test_slow_downloads_of_many_tenants_leave_threads_for_pages(start: Callable[[float], Server]) -> None:
    server = start(30.0)
    with ExitStack() as stack:
        slow = [stack.enter_context(server.begin(f"/file?{number}")) for number in range(THREADS)]
        statuses = sorted(map(first_line, slow))
        assert statuses == [b"HTTP/1.1 200"] * MOST + [b"HTTP/1.1 503"] * (THREADS - MOST)
        assert server.status() == 200
        # A body of more than the server collects without a thread still comes in.
        assert requests.post(f"http://127.0.0.1:{server.port}/", data=bytes(500_000), timeout=20).ok
    wait_for(lambda: server.status("/file?other") == 200, "a place when the slow ones are gone")


def test_many_who_do_not_read_their_pages_keep_nobody_from_theirs(start: Callable[[float], Server]) -> None:
    server = start(30.0)
    with ExitStack() as stack:
        slow = [stack.enter_context(server.begin("/page?acme")) for _ in range(3 * THREADS)]
        wait_for(lambda: server.status() == 200, "a page")
        time.sleep(4)
        began = time.monotonic()
        assert server.status() == 200
        assert time.monotonic() - began < 2
        assert len(slow) == 3 * THREADS


@pytest.mark.parametrize("path", ["/file", "/archive", "/page"])
def test_a_reader_who_takes_a_few_bytes_at_a_time_is_ended(
    start: Callable[[float], Server], path: str
) -> None:
    server = start(2.0)
    until = time.monotonic() + 8
    received = 0
    with server.begin(path) as connection:
        while time.monotonic() < until:
            received += len(connection.recv(200))
            time.sleep(0.1)
        # What the kernel still holds comes to its end, which is not the end of the whole.
        while chunk := connection.recv(1 << 20):
            received += len(chunk)
    assert received < 50_000_000


@pytest.mark.parametrize("path", ["/file", "/archive"])
def test_a_reader_who_pauses_and_goes_on_gets_the_whole(start: Callable[[float], Server], path: str) -> None:
    server = start(15.0)
    received = 0
    with server.begin(path) as connection:
        connection.recv(100)
        time.sleep(4)
        while chunk := connection.recv(1 << 20):
            received += len(chunk)
    assert received > 50_000_000


def test_places_are_shared_between_bodies_and_answers_and_between_tenants() -> None:
    places = Places(6)
    assert [places.take_answer("acme") for _ in range(4)] == [True] * 3 + [False]
    assert [places.take_answer("globex") for _ in range(3)] == [True] * 2 + [False]
    assert [places.take_body() for _ in range(2)] == [True, False]
    places.give_answer("acme")
    assert places.take_body()
    assert not places.take_answer("globex")
    places.give_body()
    assert places.take_answer("globex")


def test_an_answer_gives_back_what_it_took_whatever_its_tenant_is_then() -> None:
    places = Places(2)
    answer = Answer(places)
    answer.tenant = 1
    assert answer.take_place()
    assert answer.take_place()
    assert not Answer(places).take_place()
    answer.tenant = 2
    answer.end()
    answer.end()
    assert Answer(places).take_place()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_with_few_threads_there_is_one_place(threads: int) -> None:
    places = Places(threads - 2)
    assert places.take_answer(1)
    assert not places.take_answer(2)


def test_a_file_that_became_shorter_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1000))
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("rb") as file:
        assert PacedSender(ours, Answer(Places(1))).sendfile(file, 100, 5000) == 900
        assert PacedSender(ours, Answer(Places(1))).sendfile(file) == 1000


def test_what_is_sent_is_whole_when_the_reader_is_slower() -> None:
    ours, theirs = socket.socketpair()
    content = bytes(range(256)) * 8000
    with ours, theirs:
        sending = threading.Thread(target=PacedSender(ours, Answer(Places(1))).sendall, args=(content,))
        sending.start()
        received = b""
        while len(received) < len(content):
            received += theirs.recv(10_000)
        sending.join()
    assert received == content
