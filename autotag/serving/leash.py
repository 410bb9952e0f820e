"""`python -m autotag.serving.leash COMMAND...` becomes the command, and ends when its parent does.

Without it, killing `autotag up` outright would leave its parts behind, holding the port and the broker's socket.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From Linux's sys/prctl.h: send this process a signal when its parent thread ends; kept across exec."""


def die_with_parent(parent: int) -> None:
    """Ask for SIGTERM when the process `parent` ends, where the system can do that; exit if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(f"the parent process {parent} is gone")


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then replace it by the command."""
    die_with_parent(os.getppid())
    os.execvp(arguments[0], arguments)  # noqa: S606 - the purpose of this module


if __name__ == "__main__":
    main(sys.argv[1:])
