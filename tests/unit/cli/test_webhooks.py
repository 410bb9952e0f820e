"""`autotag webhooks`: the same webhooks as on the page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autotag.cli import group
from tests.unit.conftest import Factory

ADDRESS = "https://example.com/autotag"


class Command:
    """The command over the database of a test, with two instances in it."""

    def __init__(self, path: Path, database_url: str) -> None:
        settings = {"AUTOTAG_INSTANCE_PATH": str(path), "AUTOTAG_DATABASE_URL": database_url}
        self._runner = CliRunner(env=settings)

    def __call__(self, *arguments: str) -> Result:
        return self._runner.invoke(group, ["webhooks", *arguments])

    def listed(self, web_id: str = "default") -> list[dict[str, object]]:
        done = self("list", "--instance", web_id, "--json")
        assert done.exit_code == 0, done.output
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found


@pytest.fixture
def command(tmp_path: Path, database_url: str, make: Factory) -> Command:
    make.instance("default")
    make.instance("acme")
    return Command(tmp_path, database_url)


def test_the_secret_is_printed_alone_and_never_again(command: Command) -> None:
    done = command("create", "--url", ADDRESS)
    assert done.exit_code == 0, done.output
    secret = done.stdout.strip()
    assert len(secret) > 30
    (webhook,) = command.listed()
    assert webhook["events"] == ["document.tagged", "document.failed", "run.finished"]
    assert (webhook["url"], webhook["paused"], webhook["waiting"]) == (ADDRESS, False, 0)
    assert secret not in command("list").stdout + command("list", "--json").stdout
    assert ADDRESS in command("list").stdout


def test_it_belongs_to_its_instance_and_is_told_of_what_was_chosen(command: Command) -> None:
    chosen = ("--event", "run.finished", "--instance", "acme", "--json")
    done = command("create", "--url", ADDRESS, *chosen)
    said = json.loads(done.stdout)
    assert (said["url"], said["events"]) == (ADDRESS, ["run.finished"])
    assert said["secret"]
    assert command.listed() == []
    assert [webhook["id"] for webhook in command.listed("acme")] == [said["id"]]
    elsewhere = command("delete", str(said["id"]))
    assert (elsewhere.exit_code, elsewhere.stderr) == (
        1,
        f"Error: The instance default has no webhook {said['id']}.\n",
    )
    deleted = command("delete", "--instance", "acme", "--json", str(said["id"]))
    assert json.loads(deleted.stdout) == {"id": said["id"], "deleted": True}
    assert command.listed("acme") == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create",), 2, "Missing option"),
        (("create", "--url", ADDRESS, "--event", "sunrise"), 2, "sunrise"),
        (("create", "--url", "http://127.0.0.1/hook"), 1, "refused"),
        (("create", "--url", "no address"), 1, "address"),
        (("create", "--url", ADDRESS, "--instance", "nobody"), 1, "nobody"),
        (("delete", "99999999999999999999"), 2, "not in the range"),
        (("delete", "77"), 1, "no webhook"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    command: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = command(*arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output
    if code == 1:
        assert done.stderr.count("\n") == 1
