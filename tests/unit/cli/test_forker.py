"""What the forker has loaded before it forks. That it starts the parts is seen by every test with an installation."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from autotag import __version__
from autotag.serving.forker_client import Forker

LOADS = """
import gc, os, sys, threading
from autotag.cli.forker import load
before = os.listdir("/proc/self/fd")
load()
descriptors = len(os.listdir("/proc/self/fd")) - len(before)
print(threading.active_count(), descriptors, gc.isenabled(), gc.get_freeze_count() > 10_000, *sys.modules)
"""


def loaded() -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", LOADS], capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_fork_finds_nothing_half_done_and_no_more_than_it_needs() -> None:
    threads, descriptors, collects_garbage, is_frozen, *modules = loaded()
    assert (threads, descriptors, collects_garbage, is_frozen) == ("1", "0", "True", "True")
    assert "autotag.tagging.pipeline.pipeline" in modules
    assert not {"numpy", "PIL", "ai_edge_litert", "obstore", "psycopg", "alembic"} & set(modules)


FINDS_NO_PYTHON = """
import sys
from autotag.cli import forker
forker.RESTS_AFTER_SECONDS = 0.0
sys.executable = "/no/such/program"
forker.main(sys.argv[1:])
"""


def test_one_that_cannot_rest_forks_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "finds_no_python.py").write_text(FINDS_NO_PYTHON)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    with closing(Forker("finds_no_python")) as forker:
        for _ in range(2):
            part = forker.start(["--version"])
            with part.stdout:
                assert part.stdout.read().decode() == f"autotag, version {__version__}\n"
            assert part.wait() == 0


def test_what_rests_has_loaded_next_to_nothing() -> None:
    command = [sys.executable, "-c", "import sys, autotag.serving.idle_forker; print(*sys.modules)"]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in modules if name.startswith("autotag.")] == [
        "autotag.serving",
        "autotag.inference",
        "autotag.inference.process",
        "autotag.inference.process.confinement",
        "autotag.serving.fork_server",
        "autotag.serving.idle_forker",
    ]
    assert not {"click", "flask", "sqlalchemy"} & set(modules)
