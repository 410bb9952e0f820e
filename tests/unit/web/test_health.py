from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autotag.config import Config

READY = {"database": "ok", "broker": "ok", "storage": "ok"}


@pytest.fixture
def with_broker(config: Config, broker_socket: Path) -> Config:
    return replace(config, redis_url=f"unix://{broker_socket}")


@pytest.fixture
def ask(build_app: Callable[[Config], Flask]) -> Callable[[Config], tuple[int, dict[str, str]]]:
    """Asks an installation whether it is ready."""

    def ask(config: Config) -> tuple[int, dict[str, str]]:
        answer = build_app(config).test_client().get("/readyz")
        assert answer.json is not None
        checks: dict[str, str] = answer.json["checks"]
        return answer.status_code, checks

    return ask


Ask = Callable[[Config], tuple[int, dict[str, str]]]


def test_the_process_is_alive_whatever_else_is_not(
    build_app: Callable[[Config], Flask], config: Config
) -> None:
    client: FlaskClient = build_app(replace(config, database_url="sqlite:////nowhere/a.sqlite")).test_client()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_with_everything_there_it_is_ready(ask: Ask, with_broker: Config) -> None:
    assert ask(with_broker) == (200, READY)
    assert [path for path in with_broker.storage_path.rglob("*") if path.is_file()] == []


def test_without_a_broker_it_is_not_ready(ask: Ask, config: Config) -> None:
    status, checks = ask(config)
    assert status == 503
    assert checks == READY | {"broker": "unreachable; uploads are kept and tagged when it is back"}


@pytest.mark.parametrize("name", ["/nowhere/a.sqlite", "empty.sqlite"])
def test_without_a_database_or_its_tables_it_is_not_ready(
    ask: Ask, with_broker: Config, tmp_path: Path, name: str
) -> None:
    status, checks = ask(replace(with_broker, database_url=f"sqlite:///{tmp_path / name}"))
    assert (status, checks) == (503, READY | {"database": "unreachable"})


def test_without_a_place_for_files_it_is_not_ready(ask: Ask, with_broker: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    status, checks = ask(replace(with_broker, storage_path=tmp_path / "file"))
    assert (status, checks) == (503, READY | {"storage": "not writable"})
