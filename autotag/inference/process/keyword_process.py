"""A confined process for the keywords in files, for as long as somebody makes copies with tags written into them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autotag.inference.errors import KeywordsUnwritable, ProcessCrashed
from autotag.inference.messages import READY
from autotag.inference.process.process import child_environment
from autotag.inference.process.supervision import Child

MEMORY_LIMIT_BYTES = 512 * 1024**2
START_SECONDS = 20.0
SECONDS_PER_FILE = 30.0


class KeywordProcess:
    """A child that starts with the first file and ends with the context. Files are untrusted; it alone reads them.

    It loads no decoder, so it is there within a tenth of a second. After a death the next file gets a new one.
    `command` replaces the child's command line; it has to speak the protocol of `keyword_server`.
    """

    def __init__(
        self, *, seconds_per_file: float = SECONDS_PER_FILE, command: Sequence[str] | None = None
    ) -> None:
        self._seconds_per_file = seconds_per_file
        self._command = command
        self._child: Child | None = None

    def read(self, path: Path) -> tuple[str, ...]:
        """The keywords in a file. Raises `ProcessCrashed`."""
        return tuple(self._ask({"path": str(path), "target": None, "keywords": []})["keywords"])

    def write(self, path: Path, target: Path, keywords: Sequence[str]) -> None:
        """Writes a copy of `path` with just these keywords to `target`.

        Raises `KeywordsUnwritable` and `ProcessCrashed`; what was written till then is the caller's to remove.
        """
        answer = self._ask({"path": str(path), "target": str(target), "keywords": list(keywords)})
        if "error" in answer:
            raise KeywordsUnwritable(answer["error"])

    def close(self) -> None:
        """Ends the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        child = self._child or self._start()
        # Forgotten until it has answered: whatever interrupts this, no answer is left over for the next file.
        self._child = None
        answered = False
        try:
            child.send(message)
            answer = child.receive(self._seconds_per_file)
            answered = True
        finally:
            if not answered:
                child.kill()
        self._child = child
        return answer

    def _start(self) -> Child:
        child = Child(self._command or _default_command(), child_environment())
        if child.receive(START_SECONDS) != READY:
            child.kill()
            raise ProcessCrashed("The process for keywords did not start as expected.", "exit")
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _default_command() -> list[str]:
    command = [sys.executable, "-P", "-m", "autotag.inference", "--keywords"]
    return [*command, "--memory-limit", str(MEMORY_LIMIT_BYTES)]
