"""Processes that a fork server becomes (`fork_server.py`), as whoever supervises them sees them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO


class ForkedPart:
    """A running part: of `subprocess.Popen` what Honcho uses."""

    def __init__(self, told: IO[str], output: IO[bytes]) -> None:
        """Reads the part's process id. Raises OSError when there is none."""
        self.stdout = output
        self.returncode: int | None = None
        self._told = told
        line = told.readline()
        if not line:
            told.close()
            output.close()
            raise OSError("it could not be forked")
        self.pid = int(line)

    def wait(self) -> int:
        """Wait until the part has ended, and return its exit code, negative for a signal."""
        if self.returncode is None:
            with self._told:
                line = self._told.readline()
            # Without an answer the forker has ended, and its end has ended the part.
            self.returncode = int(line) if line else -signal.SIGTERM
        return self.returncode


class Forker:
    """A process that forks others, started at once, and again if it dies."""

    def __init__(self, module: str) -> None:
        """`module` is what Python runs: it gets the number of the socket by which it is asked."""
        self._module = module
        self._lock = threading.Lock()
        self._ask, self._process = self._launch()

    def start(self, arguments: Sequence[str], *, errors: int | None = None) -> ForkedPart:
        """Start a command and return it as soon as it runs.

        Its errors go to the descriptor `errors`, or with its output. Raises OSError when it cannot be started.
        """
        reading, output = os.pipe()
        telling, told = os.pipe()
        part_output, part_told = os.fdopen(reading, "rb"), os.fdopen(telling)
        # Under the lock until the answer is there, so that no two requests are in the socket at once.
        with self._lock:
            try:
                self._send(arguments, [told, output, output if errors is None else errors])
            except OSError:
                part_told.close()
                part_output.close()
                raise
            finally:
                os.close(told)
                os.close(output)
            return ForkedPart(part_told, part_output)

    def _send(self, arguments: Sequence[str], descriptors: list[int]) -> None:
        if self._process.poll() is not None:
            self._ask.close()
            self._ask, self._process = self._launch()
        socket.send_fds(self._ask, [json.dumps(arguments).encode()], descriptors)

    def _launch(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", self._module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C in a terminal reaches the whole group; whoever supervises the parts decides when they end.
                start_new_session=True,
            )
        return ours, process

    def close(self) -> None:
        """End it, and with it all parts that are left."""
        self._ask.close()
        self._process.wait()
