"""The files in deploy/ are of one piece with the code: commands, variables, limits, ports, addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from autotag.blueprints import MAXIMUM_REQUEST_BYTES, REQUEST_OVERHEAD_BYTES
from autotag.cli import group
from autotag.config import Config

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
HARDENING = {
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
}


def check_command(words: list[str]) -> dict[str, Any]:
    """Let the real command read its words; return what it understood."""
    command = group.get_command(click.Context(group), words[0])
    assert command is not None, words
    values: dict[str, Any] = command.make_context(words[0], words[1:]).params
    return values


def unit(path: Path) -> dict[str, dict[str, str]]:
    """The sections of a unit; no setting stands twice in ours, and each line is one."""
    sections: dict[str, dict[str, str]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            assert name not in section, line
            section[name] = value
    return sections


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists_and_confines_it(path: Path) -> None:
    sections = unit(path)
    assert set(sections) == {"Unit", "Service", "Install"}
    service = sections["Service"]
    program, *words = service["ExecStart"].split()
    assert program == "/opt/autotag/bin/autotag"
    values = check_command(words)
    assert words[0] == path.stem.removeprefix("autotag-").rstrip("@")
    assert values.get("name", "worker-%i") == "worker-%i"
    assert service.items() >= HARDENING.items()
    assert service["Restart"] == "always"
    assert service["EnvironmentFile"] == "/etc/autotag/environment"


def test_the_units_differ_in_their_commands_alone() -> None:
    assert len(UNITS) == 3
    rest = [
        {name: value for name, value in unit(path)["Service"].items() if name != "ExecStart"}
        for path in UNITS
    ]
    assert rest[0] == rest[1] == rest[2]


def test_the_environment_of_the_units_can_be_used(tmp_path: Path) -> None:
    lines = (DEPLOY / "systemd" / "environment").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert given["AUTOTAG_INSTANCE_PATH"] == f"/var/lib/{unit(UNITS[0])['Service']['StateDirectory']}"
    config = Config.from_environment(given | {"AUTOTAG_INSTANCE_PATH": str(tmp_path)})
    assert config.proxies == 1


@pytest.fixture(scope="module")
def nginx() -> str:
    """The configuration without comments; what is neither block nor directive is a mistake."""
    text = re.sub(r"#.*", "", (DEPLOY / "nginx" / "autotag.conf").read_text())
    depth = 0
    for line in filter(None, map(str.strip, text.splitlines())):
        assert re.fullmatch(r"""\w+( [^;{}]+)* \{|\}|\w+ ("[^"]*"|[^{};"])+;""", line), line
        depth += line.endswith("{") - line.startswith("}")
        assert depth >= 0
    assert depth == 0
    return text


def test_nginx_passes_on_what_autotag_goes_by(nginx: str) -> None:
    port = check_command(["web"])["port"]
    assert f"server 127.0.0.1:{port};" in nginx
    assert nginx.count("server_name autotag.example *.autotag.example;") == 2
    for header in (
        "Host $host",
        "X-Forwarded-For $remote_addr",
        "X-Forwarded-Proto $scheme",
        "X-Request-ID $request_id",
    ):
        assert f"proxy_set_header {header};" in nginx
    # Headers of an inner block replace all of the outer ones, so they all stand in one.
    assert len(re.findall(r"location ", nginx)) == 1
    assert "proxy_cookie_flags ~ secure;" in nginx


def test_nginx_takes_the_largest_upload(nginx: str) -> None:
    megabytes = re.search(r"client_max_body_size (\d+)m;", nginx)
    assert megabytes
    assert int(megabytes[1]) * 1024 * 1024 >= MAXIMUM_REQUEST_BYTES + REQUEST_OVERHEAD_BYTES


def test_nginx_takes_in_whole_requests_and_a_limited_number(nginx: str) -> None:
    zone = re.search(r"limit_conn_zone \$binary_remote_addr zone=(\w+):", nginx)
    assert zone
    assert f"limit_conn {zone[1]} " in nginx
    assert "client_header_timeout" in nginx
    assert "client_body_timeout" in nginx
    assert "proxy_request_buffering off" not in nginx


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    return found


def test_the_services_of_compose_run_commands_that_exist(compose: dict[str, Any]) -> None:
    ours = {name: one for name, one in compose["services"].items() if one.get("image") == "autotag"}
    assert set(ours) == {"init", "web", "worker-1", "worker-2", "scheduler"}
    for name, service in ours.items():
        values = check_command(service["command"])
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        if name.startswith("worker"):
            assert service["hostname"] == values["name"] == name
        if name == "web":
            assert service["ports"] == [f"127.0.0.1:{values['port']}:{values['port']}"]
            assert values["host"] == "0.0.0.0"  # noqa: S104 - of the container
        if name != "init":
            assert service["depends_on"]["init"] == {"condition": "service_completed_successfully"}
    known = set(compose["services"])
    assert {need for one in compose["services"].values() for need in one.get("depends_on", {})} <= known


def test_the_environment_of_compose_can_be_used(compose: dict[str, Any], tmp_path: Path) -> None:
    given = compose["services"]["web"]["environment"]
    texts = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)) for name, value in given.items()}
    for name, path in texts.items():
        if name.endswith("_FILE"):
            assert Path(path).name in compose["secrets"], name
            text = "postgresql+psycopg://a:b@database/c" if "DATABASE" in name else "secret"
            (tmp_path / Path(path).name).write_text(text)
            texts[name] = str(tmp_path / Path(path).name)
    config = Config.from_environment(texts | {"AUTOTAG_INSTANCE_PATH": str(tmp_path)})
    assert config.secret_key == "secret"
    assert config.redis_url == "redis://broker:6379/0"


def test_the_container_file_copies_what_is_there_and_starts_what_exists() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    copied = [
        line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line
    ]
    assert len(copied) == 3
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []
    start = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert start
    values = check_command(yaml.safe_load(start[1]))
    assert f"EXPOSE {values['port']}" in text
    assert 'ENTRYPOINT ["autotag"]' in text
