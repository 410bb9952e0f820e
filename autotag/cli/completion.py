"""`autotag completion`."""

import click
from click.shell_completion import get_completion_class

from autotag.cli.output import echo_exact

VARIABLE = "_AUTOTAG_COMPLETE"


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes a shell complete the commands, options and choices of autotag.

    \b
    Examples:
      autotag completion bash > ~/.local/share/bash-completion/completions/autotag
      eval "$(autotag completion zsh)"
      autotag completion fish > ~/.config/fish/completions/autotag.fish
    """
    from autotag.cli import group

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - for the type checker: the choices are what click has
    echo_exact(kind(group, {}, "autotag", VARIABLE).source() + "\n")
