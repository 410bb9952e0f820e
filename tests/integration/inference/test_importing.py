"""A model that an administrator brings, imported by the command, tags pictures by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.support.classifier import COLOURS, ModelFiles

NAME = "colours"

Run = Callable[..., subprocess.CompletedProcess[str]]


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
def imported(autotag: Run, colours_model: ModelFiles) -> subprocess.CompletedProcess[str]:
    return autotag("models", "import", *colours_model.import_options())


def test_the_import_says_what_is_there(autotag: Run, imported: subprocess.CompletedProcess[str]) -> None:
    assert (imported.returncode, imported.stderr) == (0, "")
    assert imported.stdout == f"Installed {NAME}: {NAME}, 0.0 MB\n"
    models = {model["name"]: model for model in json.loads(autotag("models", "list", "--json").stdout)}
    assert (models[NAME]["imported"], models[NAME]["class_count"]) == (True, 3)


def test_pictures_are_tagged_by_it(
    autotag: Run, imported: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    for name, colour in COLOURS.items():
        Image.new("RGB", (320, 240), colour).save(tmp_path / f"{name}.png")

    done = autotag("tag", "--model", NAME, "--json", "--threshold", "0", "--limit", "1", tmp_path)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(answers)) == (0, len(COLOURS))
    assert {answer["model"] for answer in answers} == {NAME}
    first = {Path(answer["file"]).stem: answer["tags"][0]["name"] for answer in answers}
    assert first == {name: name for name in COLOURS}


def test_labels_of_another_model_are_refused_with_both_numbers(
    autotag: Run, colours_model: ModelFiles, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"label {number}\n" for number in range(4)))

    done = autotag(
        "models",
        "import",
        colours_model.weights,
        "--name",
        "other",
        "--labels",
        labels,
        "--mean",
        "0",
        "--std",
        "1",
    )

    assert done.returncode == 1
    assert done.stderr == "Error: 'other' answers 3 numbers but has 4 labels.\n"
