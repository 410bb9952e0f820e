"""What commands print: nothing that a user of the site chose may give commands to the operator's terminal."""

import sys
from pathlib import Path

import click

from autotag.control_characters import escape_control_characters


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text of one or more lines, control characters other than LF and tabs escaped.

    Names of files and people can hold such characters. As `\\uXXXX` they also stay valid in JSON.
    """
    click.echo(escape_control_characters(text, keep_layout=True), err=err, nl=nl)


def echo_exact(text: str) -> None:
    """Print a text, with its line end, for a program that reads it back: escaped on a terminal only."""
    if sys.stdout.isatty():
        echo(text, nl=False)
    else:
        click.echo(text, nl=False)


def redraw(text: str) -> None:
    """Write the last line of standard error again, on a terminal."""
    click.echo("\r" + escape_control_characters(text), err=True, nl=False)


def file_name(path: Path) -> str:
    """Return a path as text of one line."""
    return escape_control_characters(click.format_filename(path))
