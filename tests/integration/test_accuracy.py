"""Sixty photographs that lie beside the clone are tagged right, the whole road through and by the commands.

Where they are absent, these tests are left out, and the run says so in one line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.places import SHARED

if TYPE_CHECKING:
    from tests.conftest import Installation, Photograph

pytestmark = pytest.mark.accuracy

TRUE_LABEL_FIRST = 50
TRUE_LABEL_IN_TAGS = 54
GOOGLENET = "inception-v1-googlenet"
# The least of sixty that an imported GoogLeNet must name first; measured: 46.
GOOGLENET_FIRST = 44


@pytest.fixture(scope="module")
def command(start_installation: Callable[..., Installation]) -> Installation:
    """A folder in which nothing was set up."""
    return start_installation(running=False)


def tagged_by_the_command(
    command: Installation, photographs: list[Photograph], *options: str
) -> list[dict[str, Any]]:
    done = command.run("tag", "--json", *options, *(str(item.path) for item in photographs), seconds=150)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def named_first(lines: list[dict[str, Any]], photographs: list[Photograph]) -> int:
    pairs = zip(lines, photographs, strict=True)
    return sum(bool(line["tags"]) and line["tags"][0]["name"] == item.label for line, item in pairs)


def test_uploaded_photographs_get_their_true_label_as_a_tag(
    installation: Installation, shared_photographs: list[Photograph]
) -> None:
    client = installation.client()
    documents = {client.upload(item.path.name, item.fresh()): item for item in shared_photographs}
    installation.wait_final(documents, seconds=150)
    assert len(documents) == 60
    right = sum(item.label in installation.database.tags(key) for key, item in documents.items())
    assert right >= TRUE_LABEL_IN_TAGS
    car = next(key for key, item in documents.items() if item.label == "freight car")
    assert next(iter(installation.database.tags(car))) == "freight car"


def test_the_command_names_the_true_label(
    command: Installation, shared_photographs: list[Photograph]
) -> None:
    lines = tagged_by_the_command(command, shared_photographs)
    assert named_first(lines, shared_photographs) >= TRUE_LABEL_FIRST
    pairs = zip(lines, shared_photographs, strict=True)
    right = sum(item.label in {tag["name"] for tag in line["tags"]} for line, item in pairs)
    assert right >= TRUE_LABEL_IN_TAGS


def test_the_photograph_of_the_acceptance_has_a_best_prediction_of_about_six_tenths(
    command: Installation, shared_photographs: list[Photograph]
) -> None:
    capuchin = next(item for item in shared_photographs if item.label == "capuchin")
    (line,) = tagged_by_the_command(command, [capuchin], "--threshold", "0", "--limit", "1")
    assert line["tags"][0]["confidence"] == pytest.approx(0.6, abs=0.05)


def test_an_imported_googlenet_names_the_true_label(
    command: Installation, shared_photographs: list[Photograph]
) -> None:
    """A real trained model in float32, without metadata: 1,000 classes, 28 MB."""
    folder = SHARED / "models"
    done = command.run(
        *("models", "import", str(folder / f"{GOOGLENET}.tflite"), "--name", GOOGLENET),
        *("--labels", str(folder / "imagenet-labels.txt"), "--mean", "123,117,104", "--std", "1"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Installed {GOOGLENET}: {GOOGLENET}, 28.0 MB\n"
    (model,) = (
        found
        for found in json.loads(command.run("models", "list", "--json").stdout)
        if found["name"] == GOOGLENET
    )
    assert (model["imported"], model["class_count"]) == (True, 1000)
    options = ("--model", GOOGLENET, "--threshold", "0", "--limit", "1")
    lines = tagged_by_the_command(command, shared_photographs, *options)
    assert {line["model"] for line in lines} == {GOOGLENET}
    assert named_first(lines, shared_photographs) >= GOOGLENET_FIRST
