import subprocess
import sys

import pytest
from click.testing import CliRunner

from autotag.cli import COMMANDS, group
from tests.conftest import clean_environment


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    result = CliRunner().invoke(group, ["completion", shell])
    assert result.exit_code == 0
    assert f"_AUTOTAG_COMPLETE={shell}_complete" in result.stdout


def test_another_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(group, ["completion", "powershell"]).exit_code == 2


def complete(words: str, count: int) -> list[str]:
    """What bash would be offered."""
    program = (
        "import sys\n"
        "from autotag.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print('sqlalchemy' in sys.modules, file=sys.stderr)"
    )
    settings = {"_AUTOTAG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(**settings),
    )
    return [*(line.partition(",")[2] for line in done.stdout.splitlines()), done.stderr.strip()]


def test_commands_are_offered_without_being_loaded() -> None:
    assert complete("autotag ", 1) == [*sorted(COMMANDS), "False"]


def test_the_commands_of_a_group_and_their_options_are_offered() -> None:
    assert complete("autotag assets re", 2)[:-1] == ["reconcile", "retag"]
    assert "--instance" in complete("autotag assets retag --", 3)
