"""The database for a command: a session in a unit of work, and domain errors as one clear line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from autotag.cli.common.failures import NOT_SET_UP, database_failure
from autotag.cli.common.preflight import refuse_missing_file
from autotag.config import Config
from autotag.configuration.entries import UnknownEntry
from autotag.configuration.secret_box import SecretUnreadable
from autotag.configuration.validation import InvalidConfiguration
from autotag.instances.administration import InstanceError, UnknownInstance
from autotag.instances.errors import PeopleError
from autotag.media.errors import MediaError
from autotag.models import schema
from autotag.models.engine import lent_sessions
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.observability import configure_logging

REFUSALS = (
    InstanceError,
    InvalidConfiguration,
    MediaError,
    PeopleError,
    SecretUnreadable,
    UnknownEntry,
    UnknownInstance,
)


@contextmanager
def reading(config: Config) -> Iterator[Session]:
    """Open a session to read with. What the domain refuses ends the command with exit code 1."""
    try:
        with _lent_sessions(config) as sessions, sessions() as session:
            _check_schema(session.get_bind().engine)
            yield session
    except REFUSALS as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        raise unusable(error) from error


def open_sessions(config: Config) -> sessionmaker[Session]:
    """Return the factory of a command's sessions, whose connections are closed when the command ends.

    Log lines of the domain go to standard error from here on.
    """
    return click.get_current_context().with_resource(_lent_sessions(config))


@contextmanager
def _lent_sessions(config: Config) -> Iterator[sessionmaker[Session]]:
    configure_logging(config.log_format, logging.WARNING, lasting=False)
    refuse_missing_file(config)
    with lent_sessions(config.database_url) as sessions:
        yield sessions


@contextmanager
def writing(config: Config) -> Iterator[UnitOfWork]:
    """Open a unit of work; errors as in `reading`."""
    with reading(config) as session, unit_of_work(session) as work:
        yield work


def unusable(error: SQLAlchemyError) -> click.ClickException:
    """Return what ends a command when the database does not do what it should."""
    return click.ClickException(database_failure(error))


def actor() -> str:
    """Return who the audit trail names for a change by command."""
    try:
        return f"{getuser()} (autotag)"
    except (KeyError, OSError):
        return "autotag"


def _check_schema(engine: Engine) -> None:
    if not schema.is_current(engine):
        raise click.ClickException(NOT_SET_UP)
