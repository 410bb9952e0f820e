"""The default model is installed whole, however many processes install it and whenever they are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from autotag.inference.installing.store import ModelStore
from autotag.inference.process.classifier import Classifier
from autotag.inference.process.process import PACKAGE_ROOT

INSTALL = """
import sys
from pathlib import Path
from autotag.inference.installing.store import ModelStore
print(ModelStore(Path(sys.argv[1])).install_default(force=sys.argv[2] == "force").sha256)
"""


def start_install(folder: Path, how: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", INSTALL, str(folder), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
    )


def models_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_processes_that_install_at_once_all_succeed_and_leave_one_model(tmp_path: Path) -> None:
    processes = [start_install(tmp_path, how) for how in ("", "", "force")]

    answers = [process.communicate(timeout=60) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], answers
    (description,) = ModelStore(tmp_path).installed()
    assert {answer.strip() for answer, _ in answers} == {description.sha256}
    assert models_in(tmp_path) == ["efficientnet-lite0"]


def test_an_install_killed_midway_leaves_nothing_half(tmp_path: Path) -> None:
    victim = start_install(tmp_path)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".building-*/model.tflite")):
        assert time.monotonic() < deadline
        assert victim.poll() is None
        time.sleep(0.001)
    victim.kill()
    victim.communicate()
    assert ModelStore(tmp_path).installed() == []

    description = ModelStore(tmp_path).install_default()

    assert models_in(tmp_path) == [description.name]
    assert Classifier(tmp_path / description.name).description == description
