"""`autotag models`: what it prints, where, and how it ends."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from autotag.cli import models as models_module
from autotag.cli.models import command
from autotag.inference.errors import InstallationCancelled, ModelRejected
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription

CONTENT = b"model"


def described(name: str) -> ModelDescription:
    return ModelDescription(
        name=name,
        title=name.title(),
        input_width=4,
        input_height=4,
        mean=(0.0, 0.0, 0.0),
        standard_deviation=(1.0, 1.0, 1.0),
        crop_fraction=1.0,
        resampling="bicubic",
        model_file="model.tflite",
        label_file="labels.txt",
        has_background_class=False,
        class_count=2,
        licence="CC0-1.0",
        source="made for a test",
        accuracy="none",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """The store of an instance folder of the test's own, with one model."""
    monkeypatch.setenv("AUTOTAG_INSTANCE_PATH", str(tmp_path))
    folder = tmp_path / "models" / "birds"
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(CONTENT)
    (folder / "labels.txt").write_text("robin\nwren\n")
    (folder / "model.json").write_text(described("birds").to_json())
    return ModelStore(tmp_path / "models")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What installation and import are called with; they do nothing here but tell progress."""
    kept: list[dict[str, Any]] = []

    def install(_: ModelStore, name: str, **options: Any) -> ModelDescription:
        kept.append({"name": name, **options})
        for done in (0, 1_000_000, 2_000_000, 2_000_000):
            options["progress"](done, 2_000_000)
        return described(name)

    def bring(_: ModelStore, file: Path, **options: Any) -> ModelDescription:
        kept.append({"file": file, **options})
        return described(options["name"])

    monkeypatch.setattr(models_module, "install_model", install)
    monkeypatch.setattr(models_module, "import_model", bring)
    return kept


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], prog_name="models")


def test_the_list_shows_the_catalogue_and_what_was_imported(store: ModelStore) -> None:
    lines = run("list").stdout.splitlines()

    assert lines[0].split()[:2] == ["efficientnet-lite0", "-"]
    assert lines[-1].split()[:2] == ["birds", "installed"]
    assert "2 classes" in lines[-1]


def test_the_list_as_json_has_all_that_is_known(store: ModelStore) -> None:
    models = {model["name"]: model for model in json.loads(run("list", "--json").stdout)}

    assert models["birds"]["installed"]
    assert models["birds"]["imported"]
    assert models["inception-v4"]["accuracy"].startswith("79.5 %")
    assert not models["inception-v4"]["installed"]
    assert set(models["birds"]) >= {"title", "size", "class_count", "licence", "source", "sha256", "default"}


def test_installing_tells_progress_in_lines_where_no_terminal_is(
    store: ModelStore, calls: list[dict[str, Any]]
) -> None:
    done = run("install", "inception-v3")

    assert (done.exit_code, done.stdout) == (0, "Installed inception-v3: Inception-V3, 0.0 MB\n")
    assert done.stderr.splitlines() == ["Downloading: 0.0 MB of 2.0 MB", "Downloading: 2.0 MB of 2.0 MB"]
    assert (calls[0]["name"], calls[0]["source"], calls[0]["url"]) == ("inception-v3", None, None)


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = models_module._Progress()

    progress.show(1_000_000, 2_000_000)
    progress.show(1_000_001, 2_000_000)
    progress.show(2_000_000, 2_000_000)
    progress.end()

    bars = capsys.readouterr().err.split("\r")
    assert [bar.count("#") for bar in bars] == [0, 15, 30]
    assert bars[-1].endswith("2.0 MB of 2.0 MB \n")


def test_a_length_that_is_not_known_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    models_module._Progress().show(1_500_000, None)

    assert capsys.readouterr().err == "Downloading: 1.5 MB\n"


def test_a_file_and_another_address_are_passed_on(
    store: ModelStore, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    archive = tmp_path / "archive.tgz"
    archive.touch()

    assert run("install", "inception-v3", "--from", archive).exit_code == 0
    assert run("install", "inception-v3", "--url", "https://mirror.example/a.tgz", "--json").exit_code == 0
    assert [(call["source"], call["url"]) for call in calls] == [
        (archive, None),
        (None, "https://mirror.example/a.tgz"),
    ]


@pytest.mark.parametrize(
    "error", [ModelRejected("download_failed", "It failed."), InstallationCancelled("It failed.")]
)
def test_a_refusal_is_one_line_and_exit_code_1(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(models_module, "install_model", fail)

    done = run("install", "inception-v3")

    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "Error: It failed.\n")


def test_importing_passes_on_what_was_said(
    store: ModelStore, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file, labels = tmp_path / "m.tflite", tmp_path / "l.txt"
    file.touch()
    labels.touch()

    done = run(
        *("import", file, "--name", "owls", "--labels", labels),
        *("--mean", "123,117,104", "--std", "1", "--title", "Owls", "--json"),
    )

    assert json.loads(done.stdout)["name"] == "owls"
    assert calls == [
        {
            "file": file,
            "name": "owls",
            "labels": labels,
            "mean": (123.0, 117.0, 104.0),
            "standard_deviation": (1.0,),
            "title": "Owls",
        }
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "{file}"),
        ("import", "absent.tflite", "--name", "x"),
        ("import", "{file}", "--name", "x", "--mean", "1,2"),
        ("import", "{file}", "--name", "x", "--std", "wide"),
        ("install", "inception-v3", "--from", "{file}", "--url", "https://mirror.example/a"),
        ("install",),
        ("forget", "birds"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    store: ModelStore, calls: list[dict[str, Any]], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "m.tflite"
    file.touch()

    done = run(*(argument.format(file=file) for argument in arguments))

    assert (done.exit_code, calls) == (2, [])


def test_a_model_is_removed(store: ModelStore) -> None:
    assert run("remove", "birds").stdout == "Removed birds\n"
    assert store.installed() == []


@pytest.mark.parametrize("name", ["efficientnet-lite0", "absent", "../birds"])
def test_what_must_stay_or_is_not_there_is_not_removed(store: ModelStore, name: str) -> None:
    done = run("remove", name)

    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_it_is_a_command_of_autotag() -> None:
    group = importlib.import_module("autotag.cli").group

    assert group.get_command(click.Context(group), "models") is command
