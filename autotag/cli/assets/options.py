"""What the commands of `autotag assets` have in common: options, and how they answer."""

import json
from collections.abc import Mapping

import click

from autotag.cli.common.options import NUMBER
from autotag.cli.output import echo

INSTANCE = click.option("--instance", "web_id", required=True, help="Web ID of the virtual instance.")
WAIT = click.option("--wait", is_flag=True, help="Wait until it is done, showing progress.")
DOCUMENTS = click.option(
    "--document",
    "document_ids",
    type=NUMBER,
    multiple=True,
    help="Only this document, by its number; can be given several times.",
)
FOLDER = click.option(
    "--folder", metavar="PATH", help="Only this folder and those below it, for example Holidays/2026."
)
RUN = click.option("--run", "run_id", type=NUMBER, help="Only what this run has tagged.")


def only_one_of(**options: object) -> None:
    """Refuse options that exclude each other."""
    given = [f"--{name}" for name, value in options.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other.")


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def print_answer(answer: Mapping[str, object], line: str, *, as_json: bool) -> None:
    """Print what came of a command, for a program or for a person."""
    echo(json.dumps(answer) if as_json else line)


def see_status(web_id: str) -> str:
    """Return the command that shows how an instance stands."""
    return f"autotag assets status --instance {web_id}"
