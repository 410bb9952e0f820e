"""A group of commands that are imported when they are called, so that each starts quickly."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from autotag.control_characters import escape_control_characters

SERVING = frozenset({"scheduler", "up", "web", "worker"})
"""Commands that run on: where an error that nobody expected came from belongs in their log."""


class LateCommands(click.Group):
    """A group whose commands are modules of this package, and whose failures are one line each."""

    def __init__(self, *arguments: Any, summaries: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.summaries = summaries

    def invoke(self, context: click.Context) -> object:
        """Run the command. What goes wrong ends it with exit code 1 and one line."""
        try:
            return super().invoke(context)
        except click.ClickException as error:
            # A message may quote the name of a file or a person.
            error.message = escape_control_characters(error.message, keep_layout=True)  # type: ignore[misc]  # what click shows
            raise
        except (click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            from autotag.cli.common.failures import in_one_line

            wants_traceback = context.params.get("traceback") or context.invoked_subcommand in SERVING
            line = in_one_line(error, expected_only=bool(wants_traceback))
            if line is None:
                raise
            raise click.ClickException(escape_control_characters(line)) from error

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands without importing them."""
        names = [name for name in self.list_commands(context) if name.startswith(incomplete)]
        offered = [CompletionItem(name, help=self.summaries[name]) for name in names]
        return [*offered, *click.Command.shell_complete(self, context, incomplete)]

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(self.summaries)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in self.summaries:
            return None
        command: click.Command = import_module(f"autotag.cli.{name.replace('-', '_')}").command
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self.summaries.items()))
