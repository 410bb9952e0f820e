"""`autotag tokens`: the same tokens as on the page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autotag.cli import group
from autotag.instances.tokens import load_token
from autotag.models import Role, User, VirtualInstance
from autotag.models.base import utc_now
from tests.unit.conftest import Factory


class Command:
    """The command over the database of a test."""

    def __init__(self, path: Path, database_url: str) -> None:
        settings = {"AUTOTAG_INSTANCE_PATH": str(path), "AUTOTAG_DATABASE_URL": database_url}
        self._runner = CliRunner(env=settings)

    def __call__(self, *arguments: str) -> Result:
        return self._runner.invoke(group, ["tokens", *arguments])

    def json(self, *arguments: str) -> object:
        done = self(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def command(tmp_path: Path, database_url: str) -> Command:
    return Command(tmp_path, database_url)


@pytest.fixture
def eva(make: Factory) -> User:
    make.instance("default")
    return make.user(make.instance("acme"), Role.EDITOR, email="eva@acme.test")


OF_EVA = ("--instance", "acme", "--user", "eva@acme.test")


def test_a_token_is_printed_alone_and_opens_the_api(command: Command, eva: User, session: object) -> None:
    done = command("create", *OF_EVA)
    assert done.exit_code == 0, done.output
    found = load_token(session, eva.instance_id, done.stdout.strip())  # type: ignore[arg-type]
    assert found is not None
    assert (found.user_id, found.role) == (eva.id, Role.EDITOR)
    assert 364 <= (found.expires_at - utc_now()).days <= 365


def test_no_token_is_good_for_longer_than_the_settings_say(command: Command, eva: User) -> None:
    done = command("create", *OF_EVA, "--days", "366")
    assert (done.exit_code, "from 1 to 365" in done.output) == (1, True)


def test_as_json_it_comes_with_what_it_is_for(command: Command, eva: User) -> None:
    said = command.json("create", *OF_EVA, "--name", "Import", "--role", "viewer", "--days", "7")
    assert isinstance(said, dict)
    assert said.pop("token").startswith("autotag_")
    assert (said["name"], said["user"], said["role"]) == ("Import", "eva@acme.test", "viewer")
    assert said["expires_at"] is not None
    assert command.json("list", "--instance", "acme") == [said]
    assert command.json("list", *OF_EVA) == [said]
    assert command.json("list") == []


def test_the_list_for_people_names_each_token(command: Command, eva: User) -> None:
    token = command("create", *OF_EVA, "--name", "Import").stdout.strip()
    shown = command("list", "--instance", "acme").stdout
    assert "Import" in shown
    assert "never used" in shown
    assert token not in shown


def test_a_token_is_revoked_by_its_number(command: Command, eva: User) -> None:
    command("create", *OF_EVA)
    assert command.json("revoke", "--instance", "acme", "1") == {"id": 1, "revoked": True}
    assert command.json("list", "--instance", "acme") == []
    again = command("revoke", "--instance", "acme", "1")
    assert (again.exit_code, again.stderr) == (1, "Error: The instance acme has no token 1.\n")


def test_a_number_of_another_instance_is_no_token(command: Command, eva: User) -> None:
    command("create", *OF_EVA)
    assert command("revoke", "1").exit_code == 1
    assert len(command.json("list", "--instance", "acme")) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--instance", "acme", "--user", "nobody@acme.test"), "is no user of the instance acme"),
        (("--instance", "nowhere", "--user", "eva@acme.test"), "no virtual instance"),
        ((*OF_EVA, "--role", "administrator"), "a token cannot have more"),
        ((*OF_EVA, "--name", " "), "Enter a name"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    command: Command, eva: User, arguments: tuple[str, ...], words: str
) -> None:
    done = command("create", *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr


def test_a_deactivated_person_gets_none(command: Command, make: Factory, eva: User, session: object) -> None:
    acme = VirtualInstance(id=eva.instance_id)
    make.user(acme, email="former@acme.test", is_active=False)
    done = command("create", "--instance", "acme", "--user", "former@acme.test")
    assert done.exit_code == 1
    assert "is deactivated" in done.stderr
