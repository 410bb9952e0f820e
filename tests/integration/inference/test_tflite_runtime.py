"""Where tflite-runtime is installed instead of LiteRT, an installed model runs and says the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.process.process import PACKAGE_ROOT, ImageRequest, InferenceProcess

# The last release; it was built for NumPy 1 and for no Python after 3.11.
PACKAGES = ("tflite-runtime==2.14.0", "numpy<2", "pillow")
CLASSIFY = """
import json, sys
from pathlib import Path
from autotag.inference.process.process import ImageRequest, InferenceProcess
model, *pictures = map(Path, sys.argv[1:])
with InferenceProcess() as process:
    results = [process.process(ImageRequest(picture, model, top=1)) for picture in pictures]
first = [[result.predictions[0].name, result.predictions[0].confidence] for result in results]
print(json.dumps({"runtime": results[0].runtime, "first": first}))
"""


def python_3_11() -> str | None:
    return sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str], None]) -> Path:
    """The Python of a virtual environment with the older runtime and nothing else that inference does not need."""
    base = python_3_11()
    if base is None:
        absent("Python 3.11, the last for which tflite-runtime exists, is not on this machine")
    folder = tmp_path_factory.mktemp("older")
    subprocess.run([str(base), "-m", "venv", str(folder)], check=True, timeout=60)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--retries=1"]
    done = subprocess.run([*install, *PACKAGES], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        absent(f"tflite-runtime cannot be fetched from the package index: {done.stderr.strip()[-200:]}")
    return python


def test_every_photograph_gets_the_same_first_label(older: Path, model: Path, photographs: list[Any]) -> None:
    pictures = [photograph.path for photograph in photographs]
    with InferenceProcess() as process:
        here = [process.process(ImageRequest(picture, model, top=1)).predictions[0] for picture in pictures]

    begin = time.monotonic()
    done = subprocess.run(
        [str(older), "-c", CLASSIFY, str(model), *map(str, pictures)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["runtime"] == "tflite-runtime 2.14.0"
    assert [name for name, _ in answer["first"]] == [prediction.name for prediction in here]
    # Floats in another order of summation: measured, 0.0000013 apart at most.
    assert [confidence for _, confidence in answer["first"]] == pytest.approx(
        [prediction.confidence for prediction in here], abs=1e-4
    )
    assert time.monotonic() - begin < 60
