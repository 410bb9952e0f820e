"""A model that an administrator brings, imported by the command, tags photographs by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHARED_MODELS = Path(__file__).resolve().parents[3] / "../shared/models"
NAME = "inception-v1-googlenet"
# The least that its import must reach, of 60; measured: 46.
TRUE_LABEL_FIRST = 44

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def googlenet() -> Path:
    """A real trained Inception v1 in float32, without metadata."""
    path = SHARED_MODELS / "inception-v1-googlenet.tflite"
    if not path.is_file():
        pytest.skip("the model for tests (../shared/models) is not on this machine")
    return path


@pytest.fixture(scope="module")
def autotag(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs an `autotag` command in an instance folder of its own."""
    folder = tmp_path_factory.mktemp("instance")
    environment = {**os.environ, "AUTOTAG_INSTANCE_PATH": str(folder)}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "autotag", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.fixture(scope="module")
def imported(autotag: Run, googlenet: Path) -> subprocess.CompletedProcess[str]:
    labels = googlenet.with_name("imagenet-labels.txt")
    return autotag(
        *("models", "import", googlenet, "--name", NAME, "--labels", labels),
        *("--mean", "123,117,104", "--std", "1"),
    )


def test_the_import_says_what_is_there(autotag: Run, imported: subprocess.CompletedProcess[str]) -> None:
    assert (imported.returncode, imported.stderr) == (0, "")
    assert imported.stdout == f"Installed {NAME}: {NAME}, 28.0 MB\n"
    models = {model["name"]: model for model in json.loads(autotag("models", "list", "--json").stdout)}
    assert (models[NAME]["imported"], models[NAME]["class_count"]) == (True, 1000)


def test_photographs_are_tagged_by_it(
    autotag: Run, imported: subprocess.CompletedProcess[str], photographs: list[Any]
) -> None:
    folder = photographs[0].path.parent
    labels = {str(photograph.path): photograph.label.lower() for photograph in photographs}

    done = autotag("tag", "--model", NAME, "--json", "--threshold", "0", "--limit", "1", folder)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(answers)) == (0, 60)
    assert {answer["model"] for answer in answers} == {NAME}
    first = [answer["tags"][0]["name"].lower() == labels[answer["file"]] for answer in answers]
    assert sum(first) >= TRUE_LABEL_FIRST


def test_labels_of_another_model_are_refused_with_both_numbers(
    autotag: Run, googlenet: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"label {number}\n" for number in range(1001)))

    done = autotag(
        "models", "import", googlenet, "--name", "other", "--labels", labels, "--mean", "0", "--std", "1"
    )

    assert done.returncode == 1
    assert done.stderr == "Error: 'other' answers 1000 numbers but has 1001 labels.\n"
