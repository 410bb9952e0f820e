"""`python -m autotag.serving.leash COMMAND...` becomes the command, and ends when its parent does.

Without it, killing `autotag up` outright would leave the broker behind, holding its socket.
"""

import os
import signal
import sys

from autotag.inference.confinement import die_with_parent


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then replace it by the command."""
    die_with_parent(os.getppid(), signal.SIGTERM)
    os.execvp(arguments[0], arguments)  # noqa: S606 - the purpose of this module


if __name__ == "__main__":
    main(sys.argv[1:])
