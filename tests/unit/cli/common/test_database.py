from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.cli.common.database import actor, reading, writing
from autotag.config import Config
from autotag.instances.administration import UnknownInstance
from autotag.instances.errors import PeopleError
from autotag.models import VirtualInstance
from tests.unit.conftest import Factory


def add_one(config: Config, error: Exception | None = None) -> None:
    with writing(config) as work:
        work.session.add(VirtualInstance(web_id="acme", virtual_host="acme"))
        if error is not None:
            raise error


@pytest.fixture
def web_ids(sessions: sessionmaker[Session]) -> Callable[[], list[str]]:
    def web_ids() -> list[str]:
        with sessions() as session:
            return list(session.scalars(select(VirtualInstance.web_id)))

    return web_ids


def test_what_a_command_writes_is_committed(config: Config, web_ids: Callable[[], list[str]]) -> None:
    add_one(config)
    assert web_ids() == ["acme"]


def test_a_command_can_read(config: Config, make: Factory) -> None:
    make.instance("acme")
    with reading(config) as session:
        assert session.scalars(select(VirtualInstance.web_id)).all() == ["acme"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PeopleError("email", "That is no address."), "That is no address."),
        (UnknownInstance("acme"), "There is no virtual instance with the Web ID 'acme'."),
    ],
)
def test_what_the_domain_refuses_is_one_line_and_nothing_is_written(
    config: Config, web_ids: Callable[[], list[str]], error: Exception, line: str
) -> None:
    with pytest.raises(click.ClickException) as caught:
        add_one(config, error)
    assert (caught.value.message, caught.value.exit_code) == (line, 1)
    assert web_ids() == []


def test_what_the_database_refuses_is_one_line(config: Config, make: Factory) -> None:
    make.instance("acme")
    with pytest.raises(
        click.ClickException, match=r"^The database cannot be used: (UNIQUE|duplicate key)"
    ) as caught:
        add_one(config)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("sqlite:////nowhere/a.sqlite", "The database cannot be used: unable to open database file"),
        ("sqlite:///{}/empty.sqlite", r"The database is not set up for this version\. Run: autotag init"),
    ],
)
def test_a_database_that_cannot_serve_is_told(config: Config, tmp_path: Path, url: str, line: str) -> None:
    elsewhere = replace(config, database_url=url.format(tmp_path))
    with pytest.raises(click.ClickException, match=line), reading(elsewhere):
        pytest.fail("it was opened")


def test_the_trail_names_who_ran_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "eva")
    assert actor() == "eva (autotag)"
