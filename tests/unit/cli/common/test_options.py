import pytest
from click.testing import CliRunner

from autotag.cli import group

TOO_LARGE = str(2**31)


@pytest.mark.parametrize(
    "arguments",
    [
        ("assets", "retag", "--instance", "acme", "--document", TOO_LARGE),
        ("assets", "untag", "--instance", "acme", "--run", TOO_LARGE),
        ("tokens", "revoke", TOO_LARGE),
        ("webhooks", "delete", "0"),
    ],
    ids=lambda arguments: arguments[1],
)
def test_a_number_that_no_row_can_have_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code == 2, done.output
    assert "not in the range" in done.stderr


@pytest.mark.parametrize("command", ["tokens", "users", "webhooks"])
def test_the_default_instance_is_meant_where_none_is_named(command: str) -> None:
    done = CliRunner().invoke(group, [command, "list", "--help"])
    assert "Web ID of the instance.  [default: default]" in " ".join(done.stdout.split("\n")).replace(
        "\n", " "
    )
