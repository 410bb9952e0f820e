"""Progress of long commands: a bar on a terminal, a plain line now and then in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from autotag.cli.output import echo

PLAIN_EVERY_SECONDS = 5.0


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give a function that is told how many of how many are done. It writes to standard error."""
    if quiet:
        yield lambda _done, _total: None
    elif sys.stderr.isatty():
        with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as bar:

            def move(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            yield move
    else:
        yield _PlainLines(label)


class _PlainLines:
    """Says how far it is, at most every few seconds."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + PLAIN_EVERY_SECONDS

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_EVERY_SECONDS
            echo(f"{self._label}: {done:,} of {total:,}", err=True)
