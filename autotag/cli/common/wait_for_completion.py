"""Waiting for work that goes on elsewhere, with its progress; Ctrl-C ends the waiting, not the work."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import click

from autotag.cli.common.progress import progress_bar
from autotag.cli.output import echo
from autotag.config import Config
from autotag.operations.process_status import look_at_crew
from autotag.tagging.queueing.queue import TaggingQueue, connect

LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the work has found."""

    done: int
    total: int
    is_over: bool


def follow(label: str, look: Callable[[], Look], *, quiet: bool, goes_on: str) -> None:
    """Look again and again until the work is over.

    `goes_on` says how to see later what became of it; it is told when somebody stops waiting, with exit code 1.
    """
    try:
        with progress_bar(label, quiet=quiet) as show:
            while True:
                seen = look()
                show(seen.done, seen.total)
                if seen.is_over:
                    return
                time.sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt as stopped:
        raise click.ClickException(f"No longer waiting; the work goes on. {goes_on}") from stopped


def warn_if_nobody_works(config: Config) -> None:
    """Say so on standard error when waiting could take for ever: no broker, no worker or no scheduler."""
    with connect(config.broker_url) as connection:
        crew = look_at_crew(TaggingQueue(connection))
    if not crew.is_reachable:
        lacking = "The broker does not answer"
    elif not crew.workers:
        lacking = "No worker is running"
    elif not crew.schedulers:
        lacking = "No scheduler is running"
    else:
        return
    echo(f"{lacking}: nothing is done before it runs. Start it with: autotag up", err=True)
