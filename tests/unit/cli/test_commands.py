"""What holds for every command: help, exit codes, and that looking for help loads nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from autotag import __version__
from autotag.cli import COMMANDS, group

LOADED = """
import sys
from autotag.cli import main
try:
    main()
finally:
    print(*[name for name in sys.modules if "." not in name], file=sys.stderr)
"""


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"AUTOTAG_INSTANCE_PATH": str(tmp_path)})


def all_commands() -> list[tuple[str, ...]]:
    """Every command and subcommand as the words to call it by."""
    found: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.commands]
    return found


@pytest.mark.parametrize("words", all_commands(), ids=lambda words: "-".join(words) or "autotag")
def test_every_command_explains_itself(run: CliRunner, words: tuple[str, ...]) -> None:
    result = run.invoke(group, [*words, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_shows_an_example(run: CliRunner, name: str) -> None:
    shown = run.invoke(group, [name, "--help"]).stdout
    assert f"autotag {name}" in shown.partition("Example")[2]


def test_the_list_of_commands_says_what_each_does(run: CliRunner) -> None:
    shown = run.invoke(group, ["--help"]).stdout
    for name, summary in COMMANDS.items():
        assert name in shown
        assert summary in " ".join(shown.split())


def test_the_version_is_told(run: CliRunner) -> None:
    assert run.invoke(group, ["--version"]).stdout == f"autotag, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["doctor", "--nonsense"],
        ["tag"],
        ["tag", "a.png", "--threshold", "1.1"],
        ["tag", "a.png", "--threshold", "-0.1"],
        ["tag", "a.png", "--threshold", "much"],
        ["tag", "a.png", "--limit", "-1"],
        ["up", "--port", "0"],
        ["up", "--port", "65536"],
        ["up", "--workers", "0"],
        ["web", "--port", "http"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_code_2_and_a_reason(run: CliRunner, arguments: list[str]) -> None:
    result = run.invoke(group, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr


@pytest.mark.parametrize("command", ["doctor", "tag", "up"])
def test_an_environment_that_cannot_be_used_ends_with_code_1_and_one_line(
    run: CliRunner, command: str
) -> None:
    arguments = [command, "a.png"] if command == "tag" else [command]
    result = run.invoke(group, arguments, env={"AUTOTAG_WORKERZ": "2"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: AUTOTAG_WORKERZ is not a setting of Autotag; check its spelling.\n"


def test_an_instance_folder_that_cannot_be_made_ends_with_code_1(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run.invoke(group, ["doctor"], env={"AUTOTAG_INSTANCE_PATH": str(tmp_path / "file" / "deep")})
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The instance folder cannot be used: ")


def test_looking_for_help_loads_neither_the_web_nor_the_database_nor_numbers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: autotag" in done.stdout
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert not loaded & {"flask", "sqlalchemy", "numpy", "PIL", "rq", "redis", "gunicorn", "ai_edge_litert"}


def test_a_command_can_be_run_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autotag", "config", "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout)
    assert done.stderr == ""
