"""Building the application: no effects at import, no query while building, several in one process."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from autotag.config import Config
from autotag.extensions import db
from tests.unit.conftest import Factory

HARMLESS = """
import logging, sys
opened = []
def hook(name, arguments):
    if name in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen"):
        opened.append(name)
    elif name == "open" and not str(arguments[0]).endswith((".py", ".pyc")) and "w" in (arguments[1] or ""):
        opened.append(str(arguments[0]))
sys.addaudithook(hook)
import autotag
print(opened, logging.getLogger().handlers, "flask" in sys.modules, "sqlalchemy" in sys.modules)
"""

SERVE = """
import sys
from pathlib import Path
from autotag import create_app
from autotag.config import Config
folder = Path(sys.argv[1])
config = Config(instance_path=folder, database_url=sys.argv[2], storage_path=folder / "files",
                secret_key="only for tests", admin_email="admin@localhost")
answer = create_app(config).test_client().get("/sign-in")
heavy = {"numpy", "PIL", "ai_edge_litert", "tflite_runtime", "flatbuffers"} & set(sys.modules)
print(answer.status_code, sorted(heavy))
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_the_package_opens_nothing_and_loads_no_framework(tmp_path: Path) -> None:
    assert run(HARMLESS) == "[] [] False False"


def test_the_web_process_loads_nothing_that_decodes_or_computes(
    tmp_path: Path, database_url: str, default_instance: object
) -> None:
    assert run(SERVE, str(tmp_path), database_url).splitlines()[-1] == "200 []"


def test_building_an_application_connects_to_nothing(
    build_app: Callable[[Config], Flask], config: Config
) -> None:
    connected: list[object] = []

    def note(connection: object, _record: object) -> None:
        connected.append(connection)

    event.listen(Engine, "connect", note)
    build_app(config)
    event.remove(Engine, "connect", note)
    assert connected == []


def test_building_an_application_makes_no_file(
    build_app: Callable[[Config], Flask], config: Config, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    build_app(config)
    assert sorted(tmp_path.rglob("*")) == before


def test_two_applications_live_in_one_process(
    build_app: Callable[[Config], Flask], config: Config, make: Factory, tmp_path: Path
) -> None:
    make.instance("default", virtual_host="localhost")
    other = replace(config, database_url=f"sqlite:///{tmp_path / 'other.sqlite'}", base_domain="other.test")
    first, second = build_app(config), build_app(other)
    assert first.extensions["autotag"].config is config
    assert second.extensions["autotag"].config is other
    # The second one has no tables, so it can only fail; the first one must not notice.
    with capture_logs():
        assert second.test_client().get("/sign-in").status_code == 503
    assert first.test_client().get("/sign-in").status_code == 200


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("pragma", "value"), [("foreign_keys", 1), ("synchronous", 2), ("journal_mode", "wal")]
)
def test_a_request_has_a_durable_connection_that_checks_keys(app: Flask, pragma: str, value: object) -> None:
    with app.app_context():
        assert db.session.scalar(text(f"PRAGMA {pragma}")) == value


def test_what_a_request_leaves_uncommitted_is_rolled_back(
    app: Flask, sessions: sessionmaker[Session], make: Factory
) -> None:
    make.instance("acme")
    with app.app_context():
        db.session.execute(text("UPDATE virtual_instance SET web_id = 'changed'"))
    with sessions() as session:
        assert session.scalar(text("SELECT web_id FROM virtual_instance")) == "acme"


def test_a_large_request_is_refused_before_it_is_read(app: Flask) -> None:
    assert app.config["MAX_CONTENT_LENGTH"] == 513 * 1024 * 1024
