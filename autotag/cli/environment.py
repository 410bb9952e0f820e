"""Reading the environment for a command, with a clear line when it cannot be used."""

import sys

import click

from autotag.config import Config, ConfigurationError


def load_config() -> Config:
    """Return the configuration. Raises click.ClickException, which ends the command with exit code 1."""
    try:
        return Config.from_environment()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"The instance folder cannot be used: {error}") from error


def read_line() -> str:
    """Return the first line of standard input, where secrets come from that must not stand in a command."""
    return sys.stdin.readline().rstrip("\r\n")
