import json
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner, Result

from autotag.cli import group
from autotag.cli import tag as module
from autotag.inference.errors import ImageCode, ImageRejected, ModelCode, ModelRejected, ProcessCrashed
from autotag.inference.installing.store import ModelStore
from tests.unit.conftest import ScriptedProcess


class Process(ScriptedProcess):
    """The double, with the block that the command opens."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    double = Process(script=[[("cat", 0.91234), ("dog", 0.3), ("bird", 0.05)]])
    monkeypatch.setattr(module, "InferenceProcess", lambda: double)
    return double


class Command:
    """`autotag tag` with the toy model, in a folder of pictures."""

    def __init__(self, instance_path: Path, folder: Path) -> None:
        self._runner = CliRunner(env={"AUTOTAG_INSTANCE_PATH": str(instance_path)})
        self.folder = folder

    def __call__(self, *arguments: object) -> Result:
        return self._runner.invoke(group, ["tag", "--model", "toy", *map(str, arguments)])

    def json(self, *arguments: object) -> list[dict[str, object]]:
        result = self("--json", *arguments)
        assert result.stderr == ""
        return [json.loads(line) for line in result.stdout.splitlines()]

    def picture(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
        return path


@pytest.fixture
def tag(models: ModelStore, process: Process, tmp_path: Path) -> Command:
    return Command(models.folder.parent, tmp_path / "pictures")


def test_a_picture_is_told_with_its_size_and_tags(tag: Command) -> None:
    path = tag.picture("a.png")
    assert tag.json(path) == [
        {
            "file": str(path),
            "model": "toy",
            "width": 640,
            "height": 480,
            "tags": [{"name": "cat", "confidence": 0.9123}, {"name": "dog", "confidence": 0.3}],
        }
    ]


def test_a_person_gets_a_line(tag: Command) -> None:
    path = tag.picture("a.png")
    result = tag(path)
    assert (result.exit_code, result.stdout) == (0, f"{path}: cat 0.91, dog 0.30\n")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--threshold", "0"], ["cat", "dog", "bird"]),
        (["--threshold", "0.5"], ["cat"]),
        (["--threshold", "1"], []),
        (["--limit", "1"], ["cat"]),
    ],
)
def test_threshold_and_limit_hold(tag: Command, options: list[str], names: list[str]) -> None:
    (answer,) = tag.json(tag.picture("a.png"), *options)
    assert [one["name"] for one in answer["tags"]] == names  # type: ignore[attr-defined]


def test_a_picture_without_tags_is_no_failure(tag: Command) -> None:
    path = tag.picture("a.png")
    result = tag(path, "--threshold", "1")
    assert (result.exit_code, result.stdout) == (0, f"{path}: no tags\n")


def test_files_are_answered_in_the_order_given_and_folders_are_walked(tag: Command) -> None:
    for name in ("f/b.jpg", "f/a.PNG", "f/deep/c.webp", "f/notes.txt"):
        tag.picture(name)
    odd = tag.picture("named-without-extension")
    files = [Path(str(answer["file"])).name for answer in tag.json(odd, tag.folder / "f")]
    assert files == ["named-without-extension", "a.PNG", "b.jpg", "c.webp"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImageRejected(ImageCode.NOT_AN_IMAGE, "No image."), "not_an_image"),
        (ProcessCrashed("Killed by signal 9.", "exit"), "process_died"),
    ],
)
def test_a_file_that_fails_does_not_keep_the_others_from_being_answered(
    tag: Command, process: Process, error: Exception, code: str
) -> None:
    process.script = [error, [("cat", 0.9)]]
    result = tag("--json", tag.picture("a.png"), tag.picture("b.png"))
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 1
    assert first["error"]["code"] == code
    assert first["error"]["message"]
    assert [one["name"] for one in second["tags"]] == ["cat"]


def test_a_file_that_is_not_there_is_an_answer(tag: Command, process: Process) -> None:
    path = tag.folder / "gone.png"
    (answer,) = tag.json(path)
    assert answer == {
        "file": str(path),
        "error": {
            "code": "unreadable_file",
            "message": "The file cannot be read: No such file or directory.",
        },
    }
    assert process.requests == []


def test_a_name_that_is_no_text_is_shown_as_well_as_can_be(tag: Command) -> None:
    tag.picture("caf\udce9.png")
    for result in (tag(tag.folder), tag("--json", tag.folder)):
        assert result.exit_code == 0
        assert "caf\ufffd.png" in result.stdout


@pytest.mark.parametrize("name", ["gone", "../toy"])
def test_a_model_that_is_not_installed_ends_with_code_1(tag: Command, name: str) -> None:
    result = tag("--model", name, tag.picture("a.png"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")


def test_a_model_that_the_process_refuses_ends_with_code_1(tag: Command, process: Process) -> None:
    process.script = [ModelRejected(ModelCode.MODEL_DAMAGED, "Its file is cut off.")]
    result = tag(tag.picture("a.png"))
    assert (result.exit_code, result.stderr) == (1, "Error: Its file is cut off.\n")
