"""The application for somebody else's WSGI server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = """
import wsgi
client = wsgi.app.test_client()
print(client.get("/healthz").status_code, client.get("/sign-in").status_code, client.get("/documents").status_code)
"""


@pytest.fixture(scope="module")
def set_up(start_installation: Callable[..., Installation]) -> Installation:
    installation = start_installation(running=False)
    assert installation.run("init").returncode == 0
    return installation


def test_wsgi_app_is_built_from_the_environment_and_answers(set_up: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=set_up.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["200", "200", "303"], done.stderr


def test_gunicorn_accepts_wsgi_app(set_up: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "wsgi:app"],
        env=set_up.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
