from dataclasses import replace
from pathlib import Path

import click
import pytest

from autotag.cli.common.preflight import require_tables
from autotag.config import Config


def test_a_database_with_tables_is_enough(config: Config) -> None:
    require_tables(config)


@pytest.mark.parametrize("make_file", [True, False])
def test_without_tables_nothing_starts_and_no_file_is_made(
    config: Config, tmp_path: Path, make_file: bool
) -> None:
    file = tmp_path / "empty.sqlite"
    if make_file:
        file.touch()
    with pytest.raises(click.ClickException, match="Run: autotag init"):
        require_tables(replace(config, database_url=f"sqlite:///{file}"))
    assert file.exists() == make_file


def test_one_that_is_merely_away_is_waited_for_by_whoever_starts(config: Config) -> None:
    require_tables(replace(config, database_url="sqlite:////nowhere/autotag.sqlite"))
