"""What a command looks at before it opens the database."""

from pathlib import Path

import click
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from autotag.cli.common.failures import NOT_SET_UP, database_failure
from autotag.config import Config
from autotag.models.engine import build_engine


def refuse_missing_file(config: Config) -> None:
    """End the command when the database is a file that is not there: opening it would leave an empty one."""
    url = make_url(config.database_url)
    file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if file is not None and file.parent.is_dir() and not file.exists():
        raise click.ClickException(NOT_SET_UP)


def require_tables(config: Config) -> None:
    """End the command when the database was never set up. One that is merely away is waited for by whoever starts."""
    refuse_missing_file(config)
    engine = build_engine(config.database_url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM virtual_instance"))
    except SQLAlchemyError as error:
        line = database_failure(error)
        if line == NOT_SET_UP:
            raise click.ClickException(line) from error
    finally:
        engine.dispose()
