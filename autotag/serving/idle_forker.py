"""`python -m autotag.serving.idle_forker MODULE ...`: a fork server at rest, which becomes MODULE when it is asked.

Once all parts run, what a fork server has loaded is of no use until one has to be started again, and a part of it is
memory that nobody shares any more. This program has loaded next to nothing.
"""

import sys

from setproctitle import setproctitle

from autotag.serving.fork_server import ForkServer


def main(module: str, *arguments: str) -> None:
    """Tell how children end, until something is asked for: then become `module`. End when nobody can ask any more."""
    setproctitle("autotag forker")
    server = ForkServer.from_arguments(arguments)
    server.wait()
    if not server.is_left():
        server.become(module)


if __name__ == "__main__":
    main(*sys.argv[1:])
