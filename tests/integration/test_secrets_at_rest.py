"""Stored API keys, looked for everywhere that somebody could look: answers, logs, files, commands, processes."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
from bs4 import BeautifulSoup
from bs4 import Tag as Element
from sqlalchemy import inspect

from tests.conftest import free_port

if TYPE_CHECKING:
    from tests.conftest import Client, Installation

SYSTEM = "/control-panel/system-settings"
INSTANCE = "/control-panel/instance-settings"
GOOGLE = "google-cloud-vision"
MICROSOFT = "microsoft-cognitive-services"
FROM_PAGE = "AIzaSentinelOfThePage-4d1c"
FROM_COMMAND = "AIzaSentinelOfTheCommand-77ab"
OF_MICROSOFT = "5e9711e10fm1c2050f7-sentinel"
REFUSED = "AIzaSentinelOfARefusedForm-0c9e"
OVERTAKEN = "AIzaSentinelOfAnOvertakenForm-51f0"
SENTINELS = (FROM_PAGE, FROM_COMMAND, OF_MICROSOFT, REFUSED, OVERTAKEN)


def traces(content: bytes | str) -> list[str]:
    """The sentinels in some bytes: as they are, and as Base64 would write them at any offset."""
    if isinstance(content, str):
        content = content.encode()
    found = []
    for sentinel in SENTINELS:
        secret = sentinel.encode()
        # The first and last characters of Base64 depend on what stands beside.
        coded = (base64.b64encode(b"\0" * shift + secret)[4:-4] for shift in range(3))
        if any(form in content for form in (secret, secret.hex().encode(), *coded)):
            found.append(sentinel)
    return found


def test_a_trace_is_found_where_there_is_one() -> None:
    for sentinel in SENTINELS:
        for before in ("", "a", "ab"):
            assert traces(base64.b64encode(f"{before}{sentinel} and more".encode())) == [sentinel]
        assert traces(f"key={sentinel}") == [sentinel]
    assert traces("AIza") == []


class Listener(requests.adapters.HTTPAdapter):
    """Keeps every answer that a client gets, whole."""

    def __init__(self, heard: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self._heard = heard

    def send(self, request: requests.PreparedRequest, *args: object, **options: object) -> requests.Response:
        answer = super().send(request, *args, **(options | {"stream": False}))  # type: ignore[arg-type]
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self._heard.append((f"{request.method} {request.url}", headers.encode() + answer.content))
        return answer


@dataclass(frozen=True, slots=True)
class Vault:
    """An installation that keys were saved in by every way there is, and all the answers that it gave."""

    installation: Installation
    system: Client
    acme: Client
    heard: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def vault(
    start_installation: Callable[..., Installation], make_pictures: Callable[[int], list[bytes]]
) -> Vault:
    # Nobody listens there: providers fail, which is when keys get into logs.
    nowhere = f"127.0.0.1:{free_port()}"
    installation = start_installation(
        workers=1, AUTOTAG_GOOGLE_VISION_URL=f"http://{nowhere}", AUTOTAG_ALLOWED_PRIVATE_HOSTS=nowhere
    )
    created = installation.run("instances", "create", "--web-id", "acme", "--virtual-host", "acme", "--json")
    answer = json.loads(created.stdout)
    heard: list[tuple[str, bytes]] = []
    system, acme = installation.client(), installation.new_client()
    acme.session.headers["Host"] = f"acme.localhost:{installation.port}"
    for client in (system, acme):
        client.session.mount("http://", Listener(heard))
    acme.sign_in_first(answer["administrator"], answer["password"])
    found = Vault(installation, system, acme, heard)
    fill(found, nowhere)
    document_id = acme.upload("a.jpg", make_pictures(1)[0])
    # It waits for providers that cannot answer; that it says so shows that the keys were used.
    installation.wait(
        lambda: installation.database.document(document_id)["tagging_reason"], "the providers' failure"
    )
    return found


def fill(vault: Vault, nowhere: str) -> None:
    assert save(vault.system, f"{SYSTEM}/{GOOGLE}", api_key=FROM_PAGE) == 303
    assert save(vault.acme, f"{INSTANCE}/{GOOGLE}", api_key=FROM_PAGE, enabled="true") == 303
    endpoint = f"http://{nowhere}/vision/v3.2"
    microsoft = {"api_key": OF_MICROSOFT, "api_endpoint": endpoint, "enabled": "true"}
    assert save(vault.acme, f"{INSTANCE}/{MICROSOFT}", **microsoft) == 303
    assert save(vault.acme, f"{INSTANCE}/{GOOGLE}", api_key=REFUSED, confidence_threshold="abc") == 422
    assert save(vault.acme, f"{INSTANCE}/{GOOGLE}", api_key=OVERTAKEN, expected_version="0") == 409


def save(client: Client, path: str, **changed: str) -> int:
    """Open an entry's form, change some fields and send it; return the status of the answer."""
    form = BeautifulSoup(client.get(path).text, "html.parser").find(
        "form", attrs={"data-settings-form": True}
    )
    assert isinstance(form, Element)
    values = {
        field["name"]: field["value"]
        for field in form.find_all("input")
        if field.get("type") != "checkbox" or field.has_attr("checked")
    }
    return client.post(path, data=values | changed, allow_redirects=False).status_code


@pytest.fixture(scope="module")
def commands(vault: Vault) -> dict[str, str]:
    """What commands printed that could print a key."""
    at_acme = ("--scope", "instance", "--instance", "acme")
    told = {}
    for name, arguments in {
        "get json": ("get", *at_acme, GOOGLE, "--json"),
        "get field": ("get", *at_acme, GOOGLE, "api_key"),
        "export": ("export", *at_acme, MICROSOFT),
        "refused": ("set", *at_acme, GOOGLE, "confidence_threshold", "7"),
    }.items():
        done = vault.installation.run("config", *arguments)
        told[name] = done.stdout + done.stderr
    return told


def test_commands_say_that_a_key_is_stored_and_never_which(commands: dict[str, str]) -> None:
    assert json.loads(commands["get json"])["values"]["api_key"] is True
    assert commands["get field"] == "(stored)\n"
    assert "api_key" not in commands["export"]
    assert {name: traces(printed) for name, printed in commands.items()} == {name: [] for name in commands}


def addresses(vault: Vault, client: Client) -> Iterator[str]:
    """Every page that the signed-in person is led to, found by following the links."""
    seen, waiting = set(), ["/documents", "/account", "/control-panel"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        answer = client.get(path)
        if answer.headers["Content-Type"].startswith("text/html"):
            page = BeautifulSoup(answer.text, "html.parser")
            links = [link["href"].split("#")[0] for link in page.find_all("a", href=True)]
            waiting += [link for link in links if re.match(r"/(?!/)", link)]


def test_no_answer_of_any_page_holds_a_key(vault: Vault) -> None:
    for client, area in ((vault.system, SYSTEM), (vault.acme, INSTANCE)):
        visited = set(addresses(vault, client))
        assert {f"{area}/{GOOGLE}", f"{area}/{GOOGLE}/export", "/control-panel/audit"} <= visited
        client.get(f"{area}?q=sentinel")
        client.get(f"{area}?q=key")
        assert "API Key" in client.get("/control-panel/audit").text
    assert "A key is stored." in vault.acme.get(f"{INSTANCE}/{GOOGLE}").text
    export = vault.acme.get(f"{INSTANCE}/{MICROSOFT}/export").text
    assert "confidence_threshold=" in export
    assert "api_key" not in export
    statuses = {name for name, _ in vault.heard if name.startswith("POST")}
    assert any(GOOGLE in name for name in statuses)
    assert {name: traces(content) for name, content in vault.heard if traces(content)} == {}


def test_no_line_of_the_log_holds_a_key(vault: Vault) -> None:
    log = vault.installation.log()
    assert "document" in log
    assert traces(log) == []


def test_no_file_of_the_installation_holds_a_key_in_clear(vault: Vault) -> None:
    """The database, its write-ahead log, the broker's and all others, while everything runs."""
    looked_at = []
    for path in vault.installation.folder.rglob("*"):
        if path.is_file():
            looked_at.append(path.name)
            assert traces(path.read_bytes()) == [], path
    is_file = vault.installation.database.engine.dialect.name == "sqlite"
    assert {"up.log", *(("autotag.sqlite", "autotag.sqlite-wal") if is_file else ())} <= set(looked_at)


def test_no_column_holds_a_key_in_clear_and_equal_keys_look_different(vault: Vault) -> None:
    database = vault.installation.database
    names = inspect(database.engine).get_table_names()
    assert {"configuration_record", "audit_event"} <= set(names)
    for name in names:
        assert traces(str(database.rows(f'SELECT * FROM "{name}"'))) == [], name
    rows = database.rows('SELECT "values" FROM configuration_record WHERE entry = :entry', entry=GOOGLE)
    sealed = [json.loads(row["values"])["api_key"] for row in rows]
    assert len(sealed) == len(set(sealed)) == 2
    secret_key = (vault.installation.instance_path / "secret_key").read_bytes()
    if database.engine.dialect.name == "sqlite":
        assert secret_key not in Path(str(database.engine.url.database)).read_bytes()


def test_no_process_has_a_key_in_its_arguments_or_its_environment(vault: Vault) -> None:
    processes = vault.installation.processes()
    assert len(processes) >= 4
    for process in processes:
        with process.oneshot():
            try:
                shown = [*process.cmdline(), *process.environ().items()]
            except psutil.NoSuchProcess:
                continue
        assert traces(str(shown)) == [], process


def test_a_key_from_standard_input_is_stored_and_replaces_the_one_before(vault: Vault) -> None:
    installation = vault.installation
    before = installation.database.rows(
        'SELECT "values" FROM configuration_record WHERE level = :it', it="default"
    )
    done = subprocess.run(
        [sys.executable, "-m", "autotag", "config", "set", "--scope", "default", GOOGLE, "api_key", "-"],
        env=installation.environment,
        cwd=installation.folder,
        input=f"{FROM_COMMAND}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert traces(done.stdout + done.stderr) == []
    after = installation.database.rows(
        'SELECT "values" FROM configuration_record WHERE level = :it', it="default"
    )
    assert after != before
    assert traces(str(after)) == []
    for path in installation.folder.rglob("*"):
        assert not path.is_file() or traces(path.read_bytes()) == [], path


def test_an_empty_submission_keeps_the_key_and_only_the_explicit_control_removes_it(vault: Vault) -> None:
    path = f"{SYSTEM}/{MICROSOFT}"
    stored = {"api_key": OF_MICROSOFT, "api_endpoint": "https://westcentralus.api.cognitive.microsoft.com/"}
    assert save(vault.system, path, **stored) == 303
    assert save(vault.system, path, confidence_threshold="0.4") == 303
    assert "A key is stored." in vault.system.get(path).text
    assert save(vault.system, path, remove="api_key") == 303
    assert "A key is stored." not in vault.system.get(path).text
    row = vault.installation.database.rows(
        'SELECT "values" FROM configuration_record WHERE level = :level AND entry = :entry',
        level="default",
        entry=MICROSOFT,
    )[0]
    assert json.loads(row["values"])["api_key"] == ""
