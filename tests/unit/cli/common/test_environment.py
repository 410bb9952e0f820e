import io
from pathlib import Path

import click
import pytest

from autotag.cli.common.environment import load_config, read_line


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTOTAG_INSTANCE_PATH", str(tmp_path / "instance"))


def test_the_configuration_comes_from_the_environment(tmp_path: Path) -> None:
    assert load_config().instance_path == tmp_path / "instance"


def test_what_cannot_be_used_ends_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTAG_WORKERS", "many")
    with pytest.raises(click.ClickException, match="AUTOTAG_WORKERS must be a whole number") as caught:
        load_config()
    assert caught.value.exit_code == 1


def test_a_folder_that_cannot_be_made_ends_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOTAG_INSTANCE_PATH", str(tmp_path / "file" / "deep"))
    with pytest.raises(click.ClickException, match="The instance folder cannot be used"):
        load_config()


@pytest.mark.parametrize(
    ("sent", "line"),
    [("secret\n", "secret"), ("secret\r\n", "secret"), (" two words \nrest", " two words "), ("", "")],
)
def test_a_secret_is_the_first_line_as_it_is(monkeypatch: pytest.MonkeyPatch, sent: str, line: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(sent))
    assert read_line() == line
