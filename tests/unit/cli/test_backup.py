import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from autotag.cli import group
from autotag.models import schema
from autotag.models.engine import build_engine
from tests.support.postgresql import database_elsewhere


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {"AUTOTAG_INSTANCE_PATH": str(tmp_path / "instance"), "AUTOTAG_DATABASE_URL": database_url}


def test_a_backup_is_made_and_restored_by_command(environment: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    made = CliRunner().invoke(group, ["backup", str(target), "--json"], env=environment)
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["files"] == 0
    url = database_elsewhere(environment["AUTOTAG_DATABASE_URL"], tmp_path / "there")
    there = {"AUTOTAG_INSTANCE_PATH": str(tmp_path / "there"), "AUTOTAG_DATABASE_URL": url}
    restored = CliRunner().invoke(group, ["restore", str(target)], env=there)
    assert restored.exit_code == 0, restored.output
    assert "Start with: autotag up" in restored.output
    engine = build_engine(url)
    assert schema.is_current(engine)
    engine.dispose()


def test_what_would_be_lost_is_refused_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    target.write_text("precious")
    made = CliRunner().invoke(group, ["backup", str(target)], env=environment)
    assert made.exit_code == 1
    assert made.stderr.strip().splitlines() == [
        f"Error: {target} is there already; choose another name, or add --overwrite."
    ]
    CliRunner().invoke(group, ["backup", str(target), "--overwrite"], env=environment)
    restored = CliRunner().invoke(group, ["restore", str(target)], env=environment)
    assert restored.exit_code == 1
    assert "--overwrite" in restored.stderr


def test_a_backup_that_is_not_there_is_wrong_usage(environment: dict[str, str], tmp_path: Path) -> None:
    assert CliRunner().invoke(group, ["restore", str(tmp_path / "none.tar")], env=environment).exit_code == 2
