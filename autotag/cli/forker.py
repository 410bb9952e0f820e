"""`python -m autotag.cli.forker DESCRIPTOR ...`: has loaded what an installation's parts need, and becomes each.

Parts that start from nothing would each read the same modules again and keep a copy of their own in memory; forked from
this process they share it. It is asked through the socket `DESCRIPTOR`, and ends with all that it has forked when that
is closed. When nobody asks it rests (`serving/idle_forker.py`).
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from autotag.cli import group
from autotag.serving.fork_server import ForkServer, keep_shared

RESTS_AFTER_SECONDS = 20.0
"""Longer than the supervisor waits before it starts a part again that does not stay up: not each start has to load."""

LOADED = (
    "autotag.cli.init",
    "autotag.cli.scheduler",
    "autotag.cli.common.preflight",
    "autotag.cli.web",
    "autotag.cli.worker",
    "autotag.serving.scheduler",
    "autotag.serving.setup",
    "autotag.serving.web",
    "autotag.serving.web_worker",
    "autotag.serving.worker",
)
"""What the parts need when they start; but not what the web server alone needs, which one process loads."""


def load() -> None:
    """Read what the parts need. None of it may start a thread or open a connection: forks would find it half done."""
    # What is loaded stays: looking through it for garbage again and again takes a tenth of the time.
    gc.disable()
    for name in LOADED:
        import_module(name)
    from sqlalchemy.orm import configure_mappers

    configure_mappers()
    keep_shared()
    gc.enable()


def main(arguments: Sequence[str]) -> None:
    """Load, then fork until nobody asks any more, or rest. In a forked process, run its command instead."""
    # Where setproctitle would otherwise write, others look for the environment.
    os.environ.setdefault("SPT_NOENV", "1")
    from setproctitle import setproctitle

    setproctitle("autotag forker")
    server = ForkServer.from_arguments(arguments)
    load()
    command = server.serve(RESTS_AFTER_SECONDS)
    if command is None:
        # If it cannot rest, its parts run on all the same.
        with suppress(OSError):
            server.become("autotag.serving.idle_forker", "autotag.cli.forker")
        command = server.serve()
    if command:
        setproctitle(" ".join(["autotag", *command]))
        group.main(command, prog_name="autotag")


if __name__ == "__main__":
    main(sys.argv[1:])
