"""The `autotag` command. Each subcommand is imported when it is called, so that each starts quickly."""

import sys
from types import TracebackType

import click

from autotag import __version__
from autotag.cli.common.lazy_group import LateCommands

COMMANDS = {
    "assets": "Import files, tag them again, untag, commit, and see how they stand.",
    "backup": "Write database, files, models and keys to one file.",
    "completion": "Print what makes a shell complete these commands.",
    "config": "Read and change configuration entries.",
    "doctor": "Try every dependency and say what to do.",
    "init": "Set up the database, the first administrator and the default model.",
    "instances": "Create and change virtual instances.",
    "models": "List, install, import and remove models.",
    "restore": "Bring back what a backup holds.",
    "scheduler": "Run the scheduler alone.",
    "tag": "Tag image files directly, without a server.",
    "tokens": "Create, list and revoke API tokens.",
    "up": "Run everything: web, workers, scheduler and broker.",
    "users": "Create and change users.",
    "web": "Run the web server alone.",
    "webhooks": "Add, list and delete webhooks.",
    "worker": "Run one worker alone.",
}


@click.group(cls=LateCommands, summaries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autotag")
@click.option("--traceback", is_flag=True, help="Show where an error came from that nobody expected.")
def group(traceback: bool) -> None:
    """Upload files; images are tagged by themselves."""


def main() -> None:
    """Run the command: exit code 0 on success, 1 on failure with one line, 2 on wrong usage."""
    sys.excepthook = print_traceback
    group(prog_name="autotag")


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print where an error came from. Its text may quote what a user of the site chose, so it is escaped."""
    import traceback

    from autotag.cli.output import echo

    echo("".join(traceback.format_exception(kind, error, trace)), err=True, nl=False)
