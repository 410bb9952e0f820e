"""Dying at the n-th step that changes the outside world.

Only a child process that a test forked is armed, so the product holds nothing of this and pays nothing for it. The
steps are caught where all of them come through, whoever takes them:

- Python's audit events, which come before a file is opened for writing, renamed, removed, or a folder is made;
- `os.fsync`, and each chunk that is read of an upload, so that a file is also found half written;
- the dialect's commit, before and after it. What SQLite does within one is SQLite's to survive, and statements before
  the commit change nothing that anybody else sees;
- the Redis connection: before a command is sent, and before its answer is read;
- whatever else a test calls `step` for, such as a message to the inference process.

An audit hook cannot be taken away again; the child ends anyway, by its own SIGKILL or when its road is done.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis.connection import AbstractConnection
from sqlalchemy.engine.default import DefaultDialect

HEARING = "hear the broker"
FILE_STEPS = {"os.remove": "remove", "os.rename": "rename", "os.mkdir": "mkdir", "os.rmdir": "rmdir"}


class FailPoints:
    """Counts the steps and dies before one of them; each is told to `tell` first."""

    def __init__(self, fatal: int, folder: Path, tell: Callable[[str], None]) -> None:
        self._fatal = fatal
        self._folder = str(folder)
        self._tell = tell
        self._numbers = itertools.count(1)
        self._last = ""

    def step(self, name: str) -> None:
        """Say that a step comes now."""
        if name == self._last == HEARING:
            return  # the answer is read in parts
        number, self._last = next(self._numbers), name
        self._tell(name)
        if number == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Begin, for the rest of this process's life."""
        sys.addaudithook(self._audit)
        self._surround(os, "fsync", "fsync")
        self._surround(DefaultDialect, "do_commit", "commit", "committed")
        self._surround(AbstractConnection, "send_packed_command", "tell the broker")
        self._surround(AbstractConnection, "read_response", HEARING)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set("wxa+")
            if writes and str(path).startswith(self._folder):
                self.step(f"write {self._place(path)}")
        elif event in FILE_STEPS and str(arguments[0]).startswith(self._folder):
            self.step(f"{FILE_STEPS[event]} {self._place(arguments[0])}")

    def _place(self, path: object) -> str:
        """The room of the files that a path lies in: names are random."""
        return Path(str(path)).relative_to(self._folder).parts[1:2][0] if str(path) != self._folder else "."

    def _surround(self, owner: Any, name: str, before: str, after: str = "") -> None:
        original = getattr(owner, name)

        def surrounded(*arguments: Any, **options: Any) -> Any:
            self.step(before)
            result = original(*arguments, **options)
            if after:
                self.step(after)
            return result

        setattr(owner, name, surrounded)
