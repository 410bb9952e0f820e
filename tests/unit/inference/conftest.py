"""Fixtures of the inference room: the default model built once, and pictures made on the spot."""

from __future__ import annotations

import importlib
import io
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription
from tests.support.classifier import TinyClassifier

CORNERS = {"red": (0, 0), "lime": (1, 0), "blue": (0, 1), "white": (1, 1)}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """A store with the default model. Tests only read it."""
    store = ModelStore(tmp_path_factory.mktemp("models"))
    store.install_default()
    return store


@pytest.fixture
def description_values() -> dict[str, Any]:
    """The values of a sound description, to change one of."""
    return {
        "name": "tiny",
        "title": "Tiny",
        "input_width": 4,
        "input_height": 4,
        "mean": [127.0, 127.0, 127.0],
        "standard_deviation": [128.0, 128.0, 128.0],
        "crop_fraction": 0.875,
        "resampling": "bicubic",
        "model_file": "model.tflite",
        "label_file": "labels.txt",
        "has_background_class": False,
        "class_count": 3,
        "licence": "CC0-1.0",
        "source": "made for a test",
        "accuracy": "none",
        "sha256": "0" * 64,
        "size": 5,
    }


@pytest.fixture
def make_description(description_values: dict[str, Any]) -> Callable[..., ModelDescription]:
    """Makes a sound description with some values replaced."""

    def make(**changes: Any) -> ModelDescription:
        values = description_values | changes
        triples = {name: tuple(values[name]) for name in ("mean", "standard_deviation")}
        return ModelDescription(**(values | triples))

    return make


@pytest.fixture
def corners() -> Image.Image:
    """A picture of 400 x 240 pixels with a quarter of its own colour at each corner."""
    picture = Image.new("RGB", (400, 240))
    for colour, (column, row) in CORNERS.items():
        picture.paste(colour, (column * 200, row * 120, column * 200 + 200, row * 120 + 120))
    return picture


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Saves a picture in a format of Pillow's, with its options, and returns the file."""

    def save_picture(picture: Image.Image, kind: str, **options: Any) -> Path:
        path = tmp_path / f"picture.{kind.lower()}"
        content = io.BytesIO()
        picture.save(content, kind, **options)
        path.write_bytes(content.getvalue())
        return path

    return save_picture


@pytest.fixture
def write_png(tmp_path: Path) -> Callable[..., Path]:
    """Writes a real one-colour PNG by hand, row by row, so that its size costs no memory."""

    def write(width: int, height: int, bits: int = 1, colour_type: int = 0, row: bytes | None = None) -> Path:
        compressor = zlib.compressobj(1)
        line = b"\0" + (row if row is not None else bytes((width * bits + 7) // 8))
        pixels = b"".join(compressor.compress(line) for _ in range(height)) + compressor.flush()
        header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
        path = tmp_path / f"{width}x{height}.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
        )
        return path

    return write


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture
def write_classifier(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny real classifier, with values of `TinyClassifier` replaced, and returns the file."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "tiny.tflite"
        path.write_bytes(TinyClassifier(**changes).content())
        return path

    return write


@pytest.fixture
def write_metadata() -> Callable[..., bytes]:
    """Writes a TFLite metadata buffer, by the field numbers of its published schema."""

    def write(
        *,
        title: str = "",
        licence: str = "",
        mean: tuple[float, ...] = (),
        deviation: tuple[float, ...] = (),
        label_file: str = "",
    ) -> bytes:
        builder: Any = importlib.import_module("flatbuffers").Builder(1024)
        options = _table(builder, {0: _floats(builder, mean), 1: _floats(builder, deviation)})
        unit = _table(builder, {1: options}, {0: 1})
        name = builder.CreateString(label_file)
        file = _table(builder, {0: name}, {2: 2})
        inputs = _table(builder, {4: _vector(builder, [unit])})
        outputs = _table(builder, {6: _vector(builder, [file] if label_file else [])})
        graph = _table(builder, {2: _vector(builder, [inputs]), 3: _vector(builder, [outputs])})
        names = builder.CreateString(title), builder.CreateString(licence)
        root = _table(builder, {0: names[0], 3: _vector(builder, [graph]), 5: names[1]})
        builder.Finish(root, b"M001")
        return bytes(builder.Output())

    return write


def _table(builder: Any, offsets: dict[int, int], small: dict[int, int] | None = None) -> int:
    builder.StartObject(8)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (small or {}).items():
        builder.PrependUint8Slot(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: Any, numbers: tuple[float, ...]) -> int:
    builder.StartVector(4, len(numbers), 4)
    for number in reversed(numbers):
        builder.PrependFloat32(number)
    return int(builder.EndVector())


@dataclass
class FileServer:
    """A server of one file, with the faults that networks have. `cuts` and `statuses` are used up request by request.

    A cut is how many bytes of an answer's body are sent before the connection ends.
    """

    content: bytes = b""
    validator: str | None = '"one"'
    ranges: bool = True
    tells_length: bool = True
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    pause: float = 0.0
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        self.requests.append(dict(handler.headers.items()))
        if self.statuses:
            handler.send_response(self.statuses.pop(0))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start = 0
        wanted = handler.headers.get("Range", "")
        if self.ranges and wanted and handler.headers.get("If-Range") == self.validator:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206 if start else 200)
        if start:
            last = len(self.content) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(self.content)}")
        if self.tells_length:
            handler.send_header("Content-Length", str(len(self.content) - start))
        if self.validator:
            handler.send_header("ETag", self.validator)
        handler.end_headers()
        body = self.content[start:]
        self._send(handler, body[: self.cuts.pop(0)] if self.cuts else body)

    def _send(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        step = 1024 if self.pause else len(body) or 1
        try:
            for start in range(0, len(body), step):
                handler.wfile.write(body[start : start + step])
                handler.wfile.flush()
                time.sleep(self.pause)
        except ConnectionError:
            return


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A real HTTP server on this machine."""
    served = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served.url = f"http://127.0.0.1:{server.server_address[1]}/file"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.pause = 0.0
        server.shutdown()
        thread.join()
