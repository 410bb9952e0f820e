"""The API from outside: whatever schemathesis thinks of, and the commands of the README as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from autotag.configuration.declaration import Scope
from autotag.configuration.entries import ENTRIES
from tests.conftest import EMAIL, REPOSITORY, Installation, Photograph

SEED = "1"
EXAMPLES = "3"
"""Cases that each phase makes up for a call, besides those that it derives from the document."""


@pytest.fixture(scope="module")
def installation(start_installation: Callable[..., Installation]) -> Installation:
    return start_installation(AUTOTAG_ALLOWED_PRIVATE_HOSTS="127.0.0.1")


@pytest.fixture(scope="module")
def token(installation: Installation) -> str:
    return installation.command("tokens", "create", "--user", EMAIL, "--name", "Test").strip()


@pytest.fixture
def folder(installation: Installation, tmp_path: Path, photographs: list[Photograph]) -> Path:
    """A folder like a clone, with a photograph whose tags are known."""
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "autotag").symlink_to(Path(sys.executable).with_name("autotag"))
    shutil.copyfile(photographs[0].path, tmp_path / "photograph.jpg")
    return tmp_path


@pytest.fixture
def as_at_first(installation: Installation) -> None:
    """Whatever the other tests saved, which may have come before, goes: then it is as after set-up."""
    for entry in ENTRIES:
        scopes = (
            [("system",)]
            if entry.scope is Scope.SYSTEM
            else [("default",), ("instance", "--instance", "default")]
        )
        for scope in scopes:
            installation.command("config", "reset", "--scope", *scope, entry.key)
    installation.configure("tensorflow", "default", enabled=True)


def commands_of_the_readme() -> list[str]:
    section = (REPOSITORY / "README.md").read_text().partition("\n## API\n")[2].partition("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


@pytest.mark.usefixtures("as_at_first")
def test_the_commands_of_the_readme_do_what_it_says(
    installation: Installation,
    folder: Path,
    webhook_receiver: Any,
    documented_verification: Callable[[str, str, bytes], bool],
) -> None:
    blocks = commands_of_the_readme()
    assert len(blocks) >= 5
    script = "set -eu\n" + "\necho ---\n".join(blocks).replace(
        "localhost:8000", f"localhost:{installation.port}"
    )
    script = script.replace("https://example.com/autotag", f"{webhook_receiver.address}/autotag")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parts = [part.strip() for part in done.stdout.split("---\n")]
    secret, document = parts[1], json.loads(parts[3])
    assert (document["title"], document["tagging"]["state"]) == ("My photograph", "tagged")
    first = document["tags"][0]
    assert (first["source"], first["provider"]) == ("auto", "tensorflow")
    assert [item["id"] for item in json.loads(parts[4])["items"]] == [document["id"]]
    installation.wait(lambda: webhook_receiver.taken, "the delivery to the webhook")
    (delivery,) = webhook_receiver.taken
    assert documented_verification(secret, delivery.header("Autotag-Signature"), delivery.body)
    assert json.loads(delivery.body)["document"]["id"] == document["id"]
    (webhook,) = json.loads(installation.command("webhooks", "list", "--json"))
    installation.command("webhooks", "delete", str(webhook["id"]))
    left = installation.database.tags(document["id"])
    assert set(left) == {tag["name"] for tag in document["tags"]} - {first["name"]}


def test_an_answer_is_small_and_kept_by_nobody(installation: Installation, token: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(
            f"{installation.address}/api/v1/documents",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.timeout(900)
def test_schemathesis_finds_nothing(installation: Installation, token: str, tmp_path: Path) -> None:
    """All its checks, against the document that is served, with a token that may do everything."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run"),
            f"{installation.address}/api/v1/openapi.json",
            *("--checks", "all", "--header", f"Authorization: Bearer {token}"),
            *("--generation-deterministic", "--seed", SEED, "--max-examples", EXAMPLES, "--workers", "1"),
            *("--no-shrink", "--continue-on-failure", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    passed = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tested, done.stdout[-2000:]
    assert passed, done.stdout[-2000:]
    assert int(tested[1]) > 50
    assert int(passed[2]) > 500
