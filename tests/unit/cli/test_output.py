"""What commands print holds no character that could command a terminal, wherever its text comes from."""

import ast
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy.orm import Session, sessionmaker

import autotag.cli
from autotag.cli.output import echo, echo_exact, file_name
from autotag.control_characters import has_control_characters
from autotag.models import ApiToken, VirtualInstance, Webhook
from autotag.models.base import utc_now
from tests.unit.cli.conftest import Autotag
from tests.unit.conftest import Factory

HOSTILE = "x\x1b]0;title\x07\x9b2J\x7f\x85\u2028\u202egpj"


def printed(done: Result) -> str:
    """What a command has written, if none of it could command a terminal."""
    for stream in (done.stdout, done.stderr):
        assert not has_control_characters(stream.translate({ord("\n"): None, ord("\t"): None}))
    return done.output


@pytest.fixture
def acme(make: Factory, sessions: sessionmaker[Session]) -> VirtualInstance:
    """An instance in which everything has a hostile name, from before such names were refused."""
    make.instance("default")
    acme = make.instance("acme", virtual_host=f"acme{HOSTILE}")
    user = make.user(acme, email=f"{HOSTILE}@acme.test")
    with sessions.begin() as session:
        session.add(
            ApiToken(
                instance_id=acme.id,
                user_id=user.id,
                name=HOSTILE,
                role=user.role,
                token_sha256="0" * 64,
                ending="abcd",
                expires_at=utc_now() + timedelta(days=1),
            )
        )
        session.add(
            Webhook(
                instance_id=acme.id,
                address=f"https://x.test/{HOSTILE}",
                secret="",
                events=[],
            )
        )
    return acme


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    "words",
    [
        ("users", "list", "--instance", "acme"),
        ("tokens", "list", "--instance", "acme"),
        ("webhooks", "list", "--instance", "acme"),
        ("instances", "list"),
        ("instances", "show", "acme"),
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_a_name_that_a_user_chose_commands_no_terminal(autotag: Autotag, words: tuple[str, ...]) -> None:
    done = autotag(*words)
    assert done.exit_code == 0, done.output
    assert "\\u001b" in printed(done)
    as_json = autotag(*words, "--json")
    printed(as_json)
    assert HOSTILE in repr_of(json.loads(as_json.stdout))


def repr_of(value: object) -> str:
    """All texts in what a command says in JSON."""
    if isinstance(value, dict):
        return " ".join(map(repr_of, value.values()))
    return " ".join(map(repr_of, value)) if isinstance(value, list) else str(value)


def test_nor_does_the_name_of_a_file(autotag: Autotag, acme: VirtualInstance, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / f"{HOSTILE}\nb.png").write_bytes(b"")
    done = autotag("assets", "import", folder, "--instance", "acme")
    assert done.exit_code == 1
    assert "\\u001b" in printed(done)
    assert "\\u000ab.png" in done.output


def test_nor_does_what_an_error_quotes(autotag: Autotag, acme: VirtualInstance) -> None:
    for words in (
        ("users", "set-role", "--instance", "acme", "--email", HOSTILE, "--role", "viewer"),
        ("users", "list", "--instance", HOSTILE),
        ("config", "get", HOSTILE, "--scope", "system"),
        ("assets", "status", "--instance", "acme", HOSTILE),
    ):
        done = autotag(*words)
        assert done.exit_code in (1, 2)
        assert "gpj" in printed(done)


def test_nor_does_a_traceback() -> None:
    code = (
        "from autotag import cli; cli.group.invoke = None\n"
        f"cli.group = lambda **_: (_ for _ in ()).throw(ValueError({HOSTILE!a})); cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ValueError: x\\u001b" in done.stderr
    assert not has_control_characters(done.stderr.replace("\n", ""))


def test_lines_and_tabs_of_our_own_stay(capsys: pytest.CaptureFixture[str]) -> None:
    echo("a\n\tb\x1b")
    echo("c", err=True, nl=False)
    assert capsys.readouterr() == ("a\n\tb\\u001b\n", "c")
    assert file_name(Path("a\nb\udcff")) == "a\\u000ab\ufffd"


def test_a_program_reads_what_was_stored(capsys: pytest.CaptureFixture[str]) -> None:
    echo_exact("a\x1b\n")
    assert capsys.readouterr().out == "a\x1b\n"


def test_a_terminal_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    code = "from autotag.cli.output import echo_exact; echo_exact('a\\x1b\\n')"
    subprocess.run([sys.executable, "-c", code], stdout=writer, check=True)
    assert os.read(reader, 100) == b"a\\u001b\r\n"
    os.close(reader)
    os.close(writer)


def test_no_command_prints_past_this() -> None:
    folder = Path(autotag.cli.__file__).parent
    past = [
        f"{path.name}:{node.lineno}"
        for path in sorted(folder.glob("*.py"))
        if path.name != "output.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")
    ]
    assert past == []
