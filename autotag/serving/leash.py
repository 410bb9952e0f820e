"""`python -m autotag.serving.leash COMMAND...` becomes the command, and ends when its parent does.

Without it, killing `autotag up` outright would leave its parts behind, holding the port and the broker's socket.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From Linux's sys/prctl.h: send this process a signal when its parent thread ends; kept across exec."""


def main(arguments: list[str]) -> None:
    """Ask for the signal where the system can, then replace this process by the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(arguments[0], arguments)  # noqa: S606 - the purpose of this module


if __name__ == "__main__":
    main(sys.argv[1:])
