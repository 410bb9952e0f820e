"""Stubs of the services that installations talk to, and what the documentation says of verifying a webhook."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.support.places import REPOSITORY, STUBS


def load_stub(name: str) -> ModuleType:
    """Load a stub service by its path, once: `tests/stubs` is no package."""
    known = sys.modules.get(f"stubs_of_services_{name}")
    if known:
        return known
    spec = importlib.util.spec_from_file_location(f"stubs_of_services_{name}", STUBS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def google() -> Iterator[Any]:
    """A stub of Google Cloud Vision, for the whole road."""
    with load_stub("google_vision").GoogleVision() as service:
        yield service


@pytest.fixture(scope="module")
def microsoft() -> Iterator[Any]:
    """A stub of Microsoft's services, for the whole road."""
    with load_stub("microsoft").Microsoft() as service:
        yield service


@pytest.fixture(scope="module")
def webhook_receiver() -> Iterator[Any]:
    """A small server that webhooks are sent to."""
    with load_stub("webhook_receiver").WebhookReceiver() as service:
        yield service


@pytest.fixture(scope="session")
def documented_verification() -> Callable[[str, str, bytes], bool]:
    """The five lines of docs/webhooks.md that verify a signature, as they stand there."""
    page = (REPOSITORY / "docs" / "webhooks.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 5
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102 - this project's own documentation
    verify: Callable[[str, str, bytes], bool] = names["is_from_autotag"]
    return verify
