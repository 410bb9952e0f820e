"""The `autotag` command. Each subcommand is imported when it is called, so that each starts quickly."""

from importlib import import_module

import click

from autotag import __version__

COMMANDS = {
    "backup": "Write database, files, models and keys to one file.",
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
    "worker": "Run one worker alone.",
}


class LateCommands(click.Group):
    """A group whose commands are modules of this package."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"autotag.cli.{name.replace('-', '_')}").command
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LateCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autotag")
def group() -> None:
    """Upload files; images are tagged by themselves."""


def main() -> None:
    """Run the command: exit code 0 on success, 1 on failure with one line, 2 on wrong usage."""
    group(prog_name="autotag")
