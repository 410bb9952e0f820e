"""What the stub services share: a real HTTP server on loopback that records, answers, and misbehaves on demand.

The stubs are run by path (`python tests/stubs/microsoft.py --port 9000`) or loaded by path; this folder is no
package. They need Pillow, because they look at the images that they are sent.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

LONGEST_BODY = 64 * 1024 * 1024
HUGE = b" " * 3_000_000 + b"{}"
BOMB = gzip.compress(b" " * 20_000_000, compresslevel=1)
HTML_OF_A_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1>nginx</body></html>"


@dataclass(frozen=True)
class Canned:
    """An answer, and how it is sent. `drip` is the pause in seconds before each byte of `dripping`."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    dripping: str = ""
    announced_length: int | None = None

    @classmethod
    def json(cls, document: object, status: int = 200, **headers: str) -> Canned:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(
            status, json.dumps(document).encode(), {"Content-Type": "application/json; charset=utf-8"} | named
        )


@dataclass
class Received:
    """A request as it came in. `image_size` is set by the service when it finds an image in it (the last one)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    image_size: tuple[int, int] | None = None

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


class ImageRefused(Exception):
    """The bytes are no image that the service takes; `reason` is `format` or `pixels`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StubService:
    """A service on 127.0.0.1. Subclasses answer; `fail_next` has the next requests answered otherwise.

    `connections` counts accepted connections, whether or not a request came; `requests` holds the requests.
    """

    key = "the-stub-accepts-this-key"

    def __init__(self, port: int = 0, *, certificate: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.labels: list[tuple[str, float]] | None = None
        self.redirect_to = ""
        self.requests: list[Received] = []
        self.connections = 0
        self._certificate = certificate
        self._planned: list[Canned] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._stopping = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}"

    def answer(self, request: Received) -> Canned:
        """Return what the service answers, and note the image's size in the request."""
        raise NotImplementedError

    def kinds(self) -> dict[str, Canned]:
        """Return the ways to misbehave that any service has; subclasses add theirs in their error shapes."""
        now = datetime.now(UTC)
        date = format_datetime(now + timedelta(seconds=30), usegmt=True)
        html = {"Content-Type": "text/html"}
        drips = Canned(200, b'{"slow": "' + b"." * 1000 + b'"}', drip=0.05)
        return {
            "rate_limited": self.error(429, "Too many requests.", Retry_After="7"),
            "rate_limited_date": self.error(429, "Too many requests.", Retry_After=date),
            "rate_limited_silent": self.error(429, "Too many requests."),
            "server_error": self.error(500, "Internal error."),
            "unavailable": self.error(503, "Unavailable.", Retry_After="11"),
            "timeout": self.error(504, "Deadline exceeded."),
            "gateway_html": Canned(502, HTML_OF_A_GATEWAY, html),
            "forbidden_html": Canned(403, HTML_OF_A_GATEWAY, html),
            "html": Canned(200, HTML_OF_A_GATEWAY, html),
            "empty": Canned(200),
            "slow_body": Canned(drips.status, drips.body, drip=drips.drip, dripping="body"),
            "slow_headers": Canned(drips.status, drips.body, drip=drips.drip, dripping="headers"),
            "silence": Canned(drip=3600.0, dripping="headers"),
            "truncated_json": Canned(200, b'{"responses": [{"tags": [{"name": "c'),
            "cut_body": Canned(200, b'{"responses": [', announced_length=4096),
            "redirect": Canned(307, b"", {"Location": self.redirect_to or f"{self.address}/elsewhere"}),
            "huge_body": Canned(200, HUGE),
            "gzip_bomb": Canned(200, BOMB, {"Content-Encoding": "gzip"}),
        }

    def error(self, status: int, message: str, **headers: str) -> Canned:
        """Return an error in this service's shape."""
        raise NotImplementedError

    def fail_next(self, number: int, kind: str | Canned) -> None:
        """Answer the next `number` requests with a kind of `kinds`, or with any answer."""
        canned = kind if isinstance(kind, Canned) else self.kinds()[kind]
        with self._lock:
            self._planned += [canned] * number

    def reset(self) -> None:
        """Forget what was received and planned, and be up."""
        with self._lock:
            self._planned.clear()
            self.requests.clear()
            self.connections = 0
            self.labels = None
            self.redirect_to = ""
        self.up()

    def up(self) -> None:
        """Listen; on the same port again after `down`."""
        if self._server is None:
            self._stopping.clear()
            self._server = _Server(("127.0.0.1", self.port), type("Handler", (_Handler,), {"service": self}))
            self._server.certificate = self._certificate
            self.port = self._server.server_port
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections, and drop the slow answers that are under way."""
        if self._server is not None:
            self._stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def accepted(self) -> None:
        with self._lock:
            self.connections += 1

    def receive(self, request: Received) -> Canned:
        with self._lock:
            self.requests.append(request)
            if self._planned:
                return self._planned.pop(0)
        return self.answer(request)

    def labels_of(self, image: Image.Image) -> list[tuple[str, float]]:
        """Return the configured labels, or some that follow from the image's colours."""
        return self.labels if self.labels is not None else colour_labels(image)

    def pause(self, seconds: float) -> bool:
        """Wait; return False when the service goes down meanwhile."""
        return not self._stopping.wait(seconds)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    certificate: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # Here and not at accepting, so that a handshake blocks nobody else.
        if self.certificate is not None:
            try:
                request = self.certificate.wrap_socket(request, server_side=True)
            except OSError:
                return
        with request:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: they are part of the tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    service: StubService
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.service.accepted()
        super().setup()

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length <= LONGEST_BODY else b""
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.send_canned(self.service.receive(Received(self.command, parts.path, query, headers, body)))

    do_GET = do_POST  # noqa: N815 - the base class's name
    do_PUT = do_POST  # noqa: N815 - the base class's name

    def send_canned(self, canned: Canned) -> None:
        self.close_connection = True
        length = len(canned.body) if canned.announced_length is None else canned.announced_length
        lines = [f"HTTP/1.1 {canned.status} Stub", f"Content-Length: {length}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in canned.headers.items()]
        self.write("\r\n".join([*lines, "", ""]).encode(), canned.drip * (canned.dripping == "headers"))
        self.write(canned.body, canned.drip * (canned.dripping == "body"))

    def write(self, content: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(content)
            return
        for byte in content:
            if not self.service.pause(drip):
                return
            self.wfile.write(bytes([byte]))


def open_image(content: bytes, formats: tuple[str, ...], maximum_pixels: int) -> Image.Image:
    """Return the image, decoded, in RGB. Raises ImageRefused."""
    # Pillow lets errors of many classes out; each means that this is no image.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(content), formats=formats)
        except Exception as error:
            raise ImageRefused("format") from error
        if image.width * image.height > maximum_pixels:
            raise ImageRefused("pixels")
        try:
            return image.convert("RGB")
        except Exception as error:
            raise ImageRefused("format") from error


def colour_labels(image: Image.Image) -> list[tuple[str, float]]:
    """Return labels that follow from the mean colour, so that different pictures have different ones."""
    mean = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    named = sorted(zip(mean, ("red", "green", "blue"), strict=True), reverse=True)
    labels = [(name, round(0.5 + value / 512, 4)) for value, name in named]
    shade = "shade " + "".join(f"{value // 16:x}" for value in mean)
    return sorted([*labels, (shade, 0.75)], key=lambda label: -label[1])


def serve(build: Callable[[int], StubService]) -> None:
    """Run a stub from the command line until it is interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    with build(parser.parse_args().port) as service:
        print(f"{service.address}  key: {service.key}", flush=True)  # noqa: T201 - a command's output
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return
