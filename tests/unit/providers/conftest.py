"""What the tests of the cloud providers share: the stub services, clients that may call them, and pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from autotag.outbound_http.client import Limits, WebClient
from autotag.outbound_http.errors import OutboundError
from autotag.providers.base import ProviderError
from tests.conftest import load_stub

SENTINEL = "sentinel-key-5f2d"


@pytest.fixture(scope="session")
def google_module() -> ModuleType:
    return load_stub("google_vision")


@pytest.fixture(scope="session")
def microsoft_module() -> ModuleType:
    return load_stub("microsoft")


@pytest.fixture(scope="session")
def _google_service(google_module: ModuleType) -> Iterator[Any]:
    with google_module.GoogleVision() as service:
        yield service


@pytest.fixture
def google_service(_google_service: Any) -> Any:
    _google_service.reset()
    return _google_service


@pytest.fixture(scope="session")
def _microsoft_service(microsoft_module: ModuleType) -> Iterator[Any]:
    with microsoft_module.Microsoft() as service:
        yield service


@pytest.fixture
def microsoft_service(_microsoft_service: Any) -> Any:
    _microsoft_service.reset()
    return _microsoft_service


@pytest.fixture(scope="session")
def quick() -> Limits:
    """Limits that make a test of a time-out take a fraction of a second."""
    return Limits(connect_seconds=2.0, read_seconds=0.25, total_seconds=0.4)


@pytest.fixture
def client_for(quick: Limits) -> Callable[..., WebClient]:
    """A client that may call one stub, patiently unless `is_hasty`."""

    def build(service: Any, *, is_hasty: bool = False) -> WebClient:
        return WebClient([service.host], limits=quick if is_hasty else Limits())

    return build


@dataclass
class Picture:
    """An image to tag; `sides` holds the longest sides that were asked for."""

    image: Image.Image
    mime_type: str = "image/png"
    quality: int = 82
    sides: list[int] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return self.image.size

    def classify(self, model: Path) -> Any:
        raise NotImplementedError

    def jpeg(self, longest_side: int) -> bytes:
        self.sides.append(longest_side)
        copy = self.image.copy()
        copy.thumbnail((longest_side, longest_side))
        content = io.BytesIO()
        copy.save(content, "JPEG", quality=self.quality)
        return content.getvalue()


@pytest.fixture
def draw() -> Callable[..., Picture]:
    def draw(width: int = 640, height: int = 480, colour: str = "firebrick") -> Picture:
        return Picture(Image.new("RGB", (width, height), colour))

    return draw


def everything_said_by(error: BaseException) -> str:
    """Whatever a log, an error page or a debugger could show of an exception and of those behind it."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    said = ""
    while waiting:
        current = waiting.pop()
        if current is None or current in seen:
            continue
        seen.append(current)
        waiting += [current.__cause__, current.__context__]
        said += f"{current!s} {current!r} {current.args!r} {vars(current)!r}"
        # requests' exceptions hold the request, and that its headers.
        said += repr(getattr(getattr(current, "request", None), "headers", ""))
    return said


@pytest.fixture
def refusal_of() -> Callable[..., ProviderError]:
    """Call something that has to raise a ProviderError of this class and code, which must say nothing secret."""

    def check(call: Callable[[], object], kind: type[ProviderError], code: str) -> ProviderError:
        with pytest.raises((ProviderError, OutboundError)) as caught:
            call()
        error = caught.value
        assert (type(error), error.code) == (kind, code), error
        assert error.message.endswith("."), error.message
        assert SENTINEL not in everything_said_by(error)
        assert error.__cause__ is None
        return error

    return check


@pytest.fixture(scope="session")
def sentinel() -> str:
    return SENTINEL
