"""One child process and its three pipes: start it, talk to it against a deadline, say how it died."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import IO, Any

from autotag.inference.errors import CrashKind, ProcessCrashed
from autotag.inference.messages import encode

# How the child says that it ran out of memory where no answer was possible; free among the shell's and
# sysexits' codes.
MEMORY_EXIT_CODE = 86
# What Python, C++ and the dynamic loader print when memory ends.
MEMORY_WORDS = (
    "MemoryError",
    "bad_alloc",
    "annot allocate memory",
    "out of memory",
    "failed to map segment",
    "can't start new thread",
)
KEPT_LINES = 20
LONGEST_LINE = 500
READ_BYTES = 1 << 16
# How long a child may take to end by itself, or to be collected after it was killed, in seconds.
PATIENCE = 2.0

log = logging.getLogger(__name__)


class Child:
    """A running child that speaks one JSON object a line.

    Every method that meets its death raises `ProcessCrashed`.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts `command` with exactly `environment`."""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                bufsize=0,
            )
        except OSError as error:
            raise ProcessCrashed(f"The inference process cannot be started: {error}.", "exit") from error
        self._stdin = _present(self._process.stdin)
        self._stdout = _present(self._process.stdout)
        self._stderr = _present(self._process.stderr)
        self._pending = bytearray()
        self._stderr_rest = b""
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def send(self, message: dict[str, Any]) -> None:
        """Writes one message. Raises `ProcessCrashed` when nobody reads any more."""
        try:
            self._stdin.write(encode(message))
        except BrokenPipeError:
            raise self.crash() from None

    def receive(self, seconds: float) -> dict[str, Any]:
        """The next message, waited for up to `seconds`.

        Raises `ProcessCrashed` when none comes, having killed the child.
        """
        deadline = monotonic() + seconds
        while (end := self._pending.find(b"\n")) < 0:
            remaining = deadline - monotonic()
            if remaining <= 0:
                self.kill()
                raise ProcessCrashed(
                    f"The inference process did not answer within {seconds:g} seconds.", "timeout"
                )
            self._read_available(remaining)
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.kill()
            raise ProcessCrashed(f"The inference process answered nonsense: {line[:80]!r}.", "exit")
        return message

    def crash(self) -> ProcessCrashed:
        """What to raise when the child has closed its end: waits for its exit code and says how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._drain_stderr()
        self.kill()
        return self._describe(self._process.returncode)

    def kill(self) -> None:
        """Ends it at once and lets go of the pipes. Harmless when it has ended."""
        self._process.kill()
        self._process.wait()
        self._release()

    def close(self) -> None:
        """Asks it to end by closing its input, and kills it when it does not."""
        self._stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._release()

    def abandon(self) -> None:
        """Lets go of the pipes of a child that belongs to the process that this one was forked from."""
        # It is not our child; without this, Popen would try to collect it, and warn that it still runs.
        self._process.returncode = 0
        self._release()

    def _release(self) -> None:
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()

    def _read_available(self, seconds: float) -> None:
        """Waits up to `seconds` for output and takes in what is there.

        Raises `ProcessCrashed` at the end of the answers.
        """
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._stderr:
                self._drain_stderr()
                continue
            chunk = os.read(self._stdout.fileno(), READ_BYTES)
            if not chunk:
                raise self.crash()
            self._pending += chunk

    def _drain_stderr(self) -> None:
        """Takes in what is there of standard error: the last lines are kept, all are passed on to the log."""
        while True:
            try:
                chunk = os.read(self._stderr.fileno(), READ_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                # Closed for good: it would otherwise count as readable for ever.
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._stderr)
                return
            *lines, rest = (self._stderr_rest + chunk).split(b"\n")
            self._stderr_rest = rest[-LONGEST_LINE:]
            for line in lines:
                self._note(line)

    def _note(self, line: bytes) -> None:
        text = line[:LONGEST_LINE].decode("utf-8", "replace").strip()
        if text:
            self._last_lines.append(text)
            log.debug("inference process %d: %s", self.pid, text)

    def _describe(self, code: int) -> ProcessCrashed:
        """The crash that the exit code and the last words tell."""
        self._note(self._stderr_rest)
        words = f" Its last words: {self._last_lines[-1]}" if self._last_lines else ""
        said_memory = any(word in line for line in self._last_lines for word in MEMORY_WORDS)
        if code == MEMORY_EXIT_CODE or (code != 0 and said_memory):
            return ProcessCrashed(f"The inference process ran out of memory.{words}", "memory")
        kind: CrashKind = "exit"
        if code >= 0:
            return ProcessCrashed(f"The inference process ended with exit code {code}.{words}", kind)
        name = signal.Signals(-code).name
        # Nobody but an administrator or the kernel sends this one.
        hint = ", perhaps because the machine ran out of memory" if -code == signal.SIGKILL else ""
        return ProcessCrashed(f"The inference process was ended by {name}{hint}.{words}", kind)


def _present(stream: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for, so it is there."""
    if stream is None:
        raise RuntimeError("a pipe to the inference process is missing")
    return stream
