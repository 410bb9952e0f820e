"""The side that forks: it waits for requests, becomes what they ask for, and tells how that ends.

A request is a line of JSON, the arguments of a command, with three descriptors: where to tell, the output and the
errors of the new process. Told are its process id, a line, and when it has ended its exit code, another line,
negative for a signal as in `subprocess`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn, Self

from autotag.inference.process.confinement import die_with_parent

DESCRIPTORS = 3
LONGEST_REQUEST_BYTES = 65_536


class ForkServer:
    """The processes that it has forked and that still run, and the socket by which more are asked for."""

    def __init__(self, asked: socket.socket, told: dict[int, int]) -> None:
        """`told` holds, by process id, where to tell the end of what this process has forked already."""
        self._asked = asked
        self._pid = os.getpid()
        self._told = told
        self._woken, self._wake = os.pipe()
        for descriptor in (self._woken, self._wake):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A signal to all processes of a service must not end this one first: its end would be a second signal to
        # the others, which makes a worker drop what it has in hand.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        # One may have ended while nobody was there to be woken.
        self._tell_ends()

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        """Make it of a program's arguments: the number of the socket and, after `become`, those of its children."""
        asked, *children = map(int, arguments)
        for descriptor in (asked, *children[1::2]):
            os.set_inheritable(descriptor, False)
        return cls(socket.socket(fileno=asked), dict(zip(children[::2], children[1::2], strict=True)))

    def become(self, module: str, *arguments: str) -> NoReturn:
        """Become another program in the same process, whose children stay its children.

        What was loaded is gone. The program gets `arguments` and then those that `from_arguments` takes. Raises OSError
        when it cannot be run; then nothing has changed.
        """
        kept = [self._asked.fileno(), *(number for child in self._told.items() for number in child)]
        for descriptor in (self._asked.fileno(), *self._told.values()):
            os.set_inheritable(descriptor, True)
        command = [sys.executable, "-m", module, *arguments, *map(str, kept)]
        os.execv(sys.executable, command)  # noqa: S606 - the purpose of this method

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until something is asked for, or the socket is closed. Returns False after so many seconds of quiet."""
        while True:
            ready, _, _ = select.select([self._asked.fileno(), self._woken], [], [], seconds)
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._tell_ends()
            if self._asked.fileno() in ready:
                return True
            if not ready:
                return False

    def is_left(self) -> bool:
        """Tell, when `wait` has returned True, whether nothing is asked for: the socket is closed, for good."""
        return not self._asked.recv(1, socket.MSG_PEEK)

    def serve(self, quiet_seconds: float | None = None) -> list[str] | None:
        """Fork what is asked for until the socket is closed; then return nothing.

        In a forked process it returns the arguments of the command that this process has to become. Returns None when
        nothing has been asked for during `quiet_seconds`.
        """
        while self.wait(quiet_seconds):
            request, descriptors, _, _ = socket.recv_fds(self._asked, LONGEST_REQUEST_BYTES, DESCRIPTORS)
            if not request:
                return []
            arguments: list[str] = json.loads(request)
            if self._fork(*descriptors):
                return arguments
        return None

    def _fork(self, told: int, output: int, errors: int) -> bool:
        """Fork, and return whether this is the new process. Where it cannot, nothing is told before the end."""
        try:
            pid = os.fork()
        except OSError:
            for descriptor in (told, output, errors):
                os.close(descriptor)
            return False
        if pid == 0:
            self._settle(told, output, errors)
            return True
        # Here as well as there, so that the group exists before anybody is told of it.
        _make_group(pid)
        os.close(output)
        os.close(errors)
        _write_if_read(told, f"{pid}\n")
        self._told[pid] = told
        return False

    def _settle(self, told: int, output: int, errors: int) -> None:
        """Leave behind, in the new process, what belongs to the old one."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        die_with_parent(self._pid, signal.SIGTERM)
        _make_group(0)
        os.dup2(output, sys.stdout.fileno())
        os.dup2(errors, sys.stderr.fileno())
        for descriptor in (told, output, errors, self._woken, self._wake, *self._told.values()):
            os.close(descriptor)
        self._asked.close()

    def _tell_ends(self) -> None:
        for pid in list(self._told):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                told = self._told.pop(pid)
                _write_if_read(told, f"{os.waitstatus_to_exitcode(status)}\n")
                os.close(told)


def _make_group(pid: int) -> None:
    """Give a process a group of its own, to which signals for it and its children go."""
    # It may have ended, or have done it itself and gone on to something else.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _write_if_read(descriptor: int, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, line.encode())


def keep_shared() -> None:
    """Keep the garbage collector from touching what is there: a page that is written is no longer shared."""
    gc.collect()
    gc.freeze()
