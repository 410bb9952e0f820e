"""Reading the environment for a command, with a clear line when it cannot be used."""

import sys

import click

from autotag.config import Config, ConfigurationError
from autotag.serving.private_files import make_private


def load_config() -> Config:
    """Return the configuration; what the command writes from now on is for its user only.

    Raises click.ClickException, which ends the command with exit code 1.
    """
    try:
        config = Config.from_environment()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"The instance folder cannot be used: {error}") from error
    make_private(config.instance_path)
    return config


def read_line() -> str:
    """Return the first line of standard input, where secrets come from that must not stand in a command."""
    return sys.stdin.readline().rstrip("\r\n")
