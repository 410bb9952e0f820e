import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autotag.cli import group
from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.installing.store import ModelStore
from autotag.inference.models.model import ModelDescription

pytestmark = pytest.mark.usefixtures("quick_hashes")
Init = Callable[..., Result]


@pytest.fixture
def init(tmp_path: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Init:
    """Runs the command without the long part, the model, and leaves this process's logging alone."""

    def install(_store: ModelStore) -> ModelDescription:
        return models.get("toy")

    monkeypatch.setattr(ModelStore, "install_default", install)
    monkeypatch.setattr("autotag.observability.configure_logging", lambda _format: None)
    runner = CliRunner(env={"AUTOTAG_INSTANCE_PATH": str(tmp_path)})

    def init(*options: str, **settings: str) -> Result:
        return runner.invoke(group, ["init", *options], env=settings)

    return init


def test_json_is_all_that_is_printed(init: Init, tmp_path: Path) -> None:
    result = init("--json", AUTOTAG_ADMIN_PASSWORD="correct horse")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "instance_path": str(tmp_path),
        "model": "toy",
        "email": "admin@localhost",
        "password": None,
    }


def test_a_generated_password_is_told_until_it_is_changed(init: Init) -> None:
    first, second = (json.loads(init("--json").stdout)["password"] for _ in range(2))
    assert first
    assert first == second


def test_a_person_is_told_how_to_sign_in(init: Init, tmp_path: Path) -> None:
    lines = init().stdout.splitlines()
    assert lines[0] == f"Ready in {tmp_path}"
    assert [line.split()[0] for line in lines[1:]] == ["Model", "Administrator", "Password"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"AUTOTAG_ADMIN_EMAIL": "nobody"}, "The first administrator could not be made: "),
        ({"AUTOTAG_ADMIN_PASSWORD": "short"}, "The first administrator could not be made: "),
        ({"AUTOTAG_DATABASE_URL": "sqlite:////nowhere/a.sqlite"}, "The database cannot be used: "),
    ],
)
def test_what_cannot_be_set_up_ends_with_code_1_and_one_line(
    init: Init, settings: dict[str, str], reason: str
) -> None:
    result = init("--json", **settings)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {reason}")
    assert result.stderr.count("\n") == 1


def test_a_model_that_cannot_be_built_ends_with_code_1_and_one_line(
    init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_store: ModelStore) -> ModelDescription:
        raise ModelRejected(ModelCode.WEIGHTS_MISSING, "The weights are missing.")

    monkeypatch.setattr(ModelStore, "install_default", fail)
    result = init()
    assert result.exit_code == 1
    assert result.stderr == "Error: The default model could not be built: The weights are missing.\n"
