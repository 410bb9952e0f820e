"""Slow callers against the real server with its real worker, in a process of its own: the site goes on for others."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from autotag.serving.web import THREADS
from tests.conftest import clean_environment, free_port, wait_for

SLOW = 40
SERVER = """
import resource, sys, time
from autotag.serving import long_answers, web, web_worker

if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]),) * 2)
web_worker.HEAD_SECONDS = long_answers.GRACE_SECONDS = long_answers.STALL_SECONDS = float(sys.argv[2])

is_stuck = is_watched = is_broken = False
web_worker.WATCH_SECONDS = 0.5

def turn(worker, ordinary=web_worker.PatientWorker.murder_pending):
    ordinary(worker)
    if is_watched:
        worker.cfg.set("timeout", 2)
    if is_stuck:
        time.sleep(60)
    if is_broken:
        raise RuntimeError("of no kind that is known")

web_worker.PatientWorker.murder_pending = turn

def application(environ, start_response):
    global is_broken, is_stuck, is_watched
    is_watched = is_watched or environ["PATH_INFO"] in ("/stuck", "/watched")
    is_stuck = environ["PATH_INFO"] == "/stuck"
    is_broken = environ["PATH_INFO"] == "/broken"
    if environ["PATH_INFO"] == "/long":
        print("begun", file=sys.stderr, flush=True)
        time.sleep(60)
    size = 0
    while chunk := environ["wsgi.input"].read(65536):
        size += len(chunk)
    body = str(size).encode() if environ["PATH_INFO"] != "/large" else bytes(50_000_000)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

class Server(web.WebServer):
    def load(self):
        return application

Server(None, host="127.0.0.1", port=int(sys.argv[1])).run()
"""
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
Start = Callable[..., "Server"]


class Server:
    """A server, asked by good callers and bad ones."""

    process: subprocess.Popen[bytes]

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/", timeout=20).text == "0"
        except requests.ConnectionError:
            return False

    def post(self, content: bytes) -> str:
        return requests.post(f"http://127.0.0.1:{self.port}/", data=content, timeout=20).text

    def connect(self, first: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(first)
        return connection


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(seconds: float, *descriptors: int) -> Server:
            server = Server(free_port())
            command = [sys.executable, "-c", SERVER, str(server.port), str(seconds), *map(str, descriptors)]
            process = stack.enter_context(
                subprocess.Popen(command, env=clean_environment(), cwd=tmp_path, stderr=subprocess.PIPE)
            )
            stack.callback(process.kill)
            server.process = process
            wait_for(server.get, "the server's first answer")
            return server

        yield start


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: local",
        HEAD % 1000,
        HEAD % 1000 + b"some",
        HEAD % 10_000_000 + b"some",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nso",
    ],
    ids=["nothing", "a letter", "half a head", "no body", "half a body", "a large body", "chunks"],
)
def test_many_who_say_nothing_more_keep_nobody_from_the_pages(start: Start, first: bytes) -> None:
    server = start(600.0)
    silent = [server.connect(first) for _ in range(SLOW)]
    assert SLOW > 2 * THREADS
    assert all(server.get() for _ in range(20))
    for connection in silent:
        connection.close()


def test_whoever_is_too_slow_is_cut_off_and_the_next_upload_goes_through(start: Start) -> None:
    server = start(0.5)
    silent = [server.connect(HEAD % 10_000_000 + b"some") for _ in range(THREADS)]
    silent += [server.connect(b"GET / HTTP/1.1\r\nHost: local") for _ in range(SLOW)]
    assert server.post(bytes(2_000_000)) == "2000000"
    for connection in silent:
        connection.settimeout(20)
        while connection.recv(1000):
            pass
        connection.close()
    assert server.get()


def test_whoever_takes_nothing_of_an_answer_is_cut_off(start: Start) -> None:
    server = start(0.5)
    greedy = [server.connect(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(THREADS)]
    assert all(server.get() for _ in range(5))
    for connection in greedy:
        connection.close()


def test_whoever_does_not_close_a_connection_that_is_over_keeps_nobody_waiting(start: Start) -> None:
    server = start(600.0)
    over = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    began = time.monotonic()
    left_open = [server.connect(over) for _ in range(SLOW)]
    assert server.get()
    # Gunicorn's own worker would wait two seconds for each.
    assert time.monotonic() - began < SLOW
    for connection in left_open:
        with connection:
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_connections_without_a_request_do_not_keep_the_server_from_stopping(start: Start) -> None:
    server = start(600.0)
    silent = [server.connect(b"") for _ in range(3)]
    assert server.get()
    server.process.terminate()
    began = time.monotonic()
    server.process.wait(60)
    # The grace for requests under way is eight seconds.
    assert time.monotonic() - began < 7
    for connection in silent:
        connection.close()


def test_one_process_serves_and_goes_on_when_who_started_it_has_ended(start: Start, tmp_path: Path) -> None:
    """As `autotag web &` in a shell that is left."""
    assert psutil.Process(start(5).process.pid).children() == []
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port), "5"]
    starter = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL).pid)"
    pid = int(subprocess.check_output([sys.executable, "-c", starter, *command], cwd=tmp_path, text=True))
    try:
        wait_for(Server(port).get, "the server's first answer")
        # Gunicorn's worker looks for its parent each second.
        time.sleep(2.5)
        assert Server(port).get()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_server_that_is_stuck_says_where_and_ends(start: Start) -> None:
    server = start(5)
    requests.get(f"http://127.0.0.1:{server.port}/stuck", timeout=20)
    assert server.process.wait(30) == os.EX_SOFTWARE
    assert server.process.stderr is not None
    said = server.process.stderr.read().decode()
    assert "the web server is stuck" in said
    assert "in turn" in said


def test_a_server_that_was_stopped_for_a_while_goes_on(start: Start) -> None:
    server = start(5)
    requests.get(f"http://127.0.0.1:{server.port}/watched", timeout=20)
    # Until its next turn the main loop does not know of it.
    time.sleep(1.5)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    server.process.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert server.process.poll() is None
    assert server.get()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_without_end_does_not_keep_the_server_from_stopping(
    start: Start, number: signal.Signals
) -> None:
    server = start(5)
    with server.connect(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        assert server.process.stderr is not None
        assert b"begun" in server.process.stderr.readline()
        server.process.send_signal(number)
        assert server.process.wait(20) == 0


def test_a_server_that_fails_says_so_and_ends_though_a_request_is_under_way(start: Start) -> None:
    server = start(5)
    with server.connect(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        assert server.process.stderr is not None
        assert b"begun" in server.process.stderr.readline()
        server.connect(b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n").close()
        assert server.process.wait(20) == os.EX_SOFTWARE
        said = server.process.stderr.read().decode()
    assert "the web server failed" in said
    assert "of no kind that is known" in said


def test_more_connections_than_descriptors_do_not_end_the_server(start: Start) -> None:
    server = start(1.0, 60)
    silent = [server.connect(b"") for _ in range(100)]
    wait_for(server.get, "an answer when the silent ones are cut off")
    assert server.process.poll() is None
    for connection in silent:
        connection.close()


def test_whoever_asks_before_sending_a_body_is_answered(start: Start) -> None:
    server = start(20.0)
    asking = HEAD.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\n") % 5
    with server.connect(asking) as connection:
        connection.settimeout(10)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"hello")
        answer = b""
        while received := connection.recv(1000):
            answer += received
    assert answer.endswith(b"\r\n\r\n5")


def test_a_body_that_comes_in_pieces_is_whole(start: Start) -> None:
    server = start(20.0)
    content = HEAD.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n") % 100_000 + bytes(100_000)
    with server.connect(b"") as connection:
        for place in range(0, len(content), 9000):
            connection.sendall(content[place : place + 9000])
            time.sleep(0.01)
        answer = b""
        while received := connection.recv(1000):
            answer += received
    assert answer.endswith(b"\r\n\r\n100000")


def test_a_connection_takes_one_request_after_another_also_at_once(start: Start) -> None:
    server = start(20.0)
    with requests.Session() as session:
        for size in (0, 5, 70_000, 5, 0):
            assert session.post(f"http://127.0.0.1:{server.port}/", data=bytes(size), timeout=20).text == str(
                size
            )
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.connect(one + one + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as connection:
        answer = b""
        while received := connection.recv(1000):
            answer += received
    assert answer.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization Bearer Xyzzy7Xyzzy7",
        b"Cookie autotag=Xyzzy7" * 300,
        b"X Y: Xyzzy7",
        b"A: 1\r\n Xyzzy7",
    ],
)
def test_a_header_that_cannot_be_read_is_named_and_not_shown(start: Start, line: bytes) -> None:
    server = start(20.0)
    with server.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n") as connection:
        answer = b""
        while received := connection.recv(1000):
            answer += received
    assert answer.startswith(b"HTTP/1.1 400")
    server.process.terminate()
    assert server.process.stderr is not None
    said = server.process.stderr.read()
    assert b"Invalid request from" in said
    assert b"zzy7" not in said + answer
