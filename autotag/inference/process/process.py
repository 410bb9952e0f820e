"""The supervised process as its callers see it: image in, result out, a new child after each death."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autotag.inference.errors import ProcessCrashed, ProcessDisabled, ProcessNotStarted
from autotag.inference.messages import (
    READY,
    ImageRequest,
    ImageResult,
    Prediction,
    Rendition,
    error_from_json,
    request_to_json,
    result_from_json,
)
from autotag.inference.process.supervision import Child

__all__ = ["ImageRequest", "ImageResult", "InferenceProcess", "Prediction", "Rendition"]

# All that the child inherits: what it takes to start Python. No secret of ours is among them.
INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
log = logging.getLogger(__name__)

PACKAGE_ROOT = Path(__file__).resolve().parents[3]


class InferenceProcess:
    """A child process that decodes and classifies images, started at the first image and kept.

    `memory_limit_bytes` limits the child's address space. An image that takes longer than
    `seconds_per_image`, or a start that takes longer than `start_seconds`, ends with the child killed.
    `threads` is the number of threads of one inference. `command` replaces the child's command line; it has
    to speak the protocol of `messages`. `callers_live_on` says that the threads which call live as long as this
    process, so that the child can be tied to any of them.

    A child that dies between two images is found at the next one. Then `on_death_at_rest` is called with the crash
    and says whether another child may be started. It is not called for children that are ended on purpose.

    It may be shared by threads, which then take turns. After a fork the new process gets a child of its own.
    """

    def __init__(
        self,
        *,
        memory_limit_bytes: int = 2 * 1024**3,
        seconds_per_image: float = 30.0,
        start_seconds: float = 60.0,
        threads: int = 1,
        command: Sequence[str] | None = None,
        callers_live_on: bool = False,
        on_death_at_rest: Callable[[ProcessCrashed], bool] | None = None,
    ) -> None:
        self._memory_limit_bytes = memory_limit_bytes
        self._seconds_per_image = seconds_per_image
        self._start_seconds = start_seconds
        self._threads = threads
        self._command = command
        self._callers_live_on = callers_live_on
        self._on_death_at_rest = on_death_at_rest
        self._death_at_rest: ProcessCrashed | None = None
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._owner = os.getpid()
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The child's process id; None while none runs."""
        child = self._child
        return child.pid if child is not None and self._owner == os.getpid() and child.is_running() else None

    def process(self, request: ImageRequest) -> ImageResult:
        """Does all that `request` asks, in the child.

        Raises `ImageRejected` for a bad image, `ModelRejected` for a bad model and `RenditionFailed` for a
        rendition that cannot be written, with the child alive; `ProcessCrashed` when the child dies on it or
        has to be killed, `ProcessNotStarted` when it does so before it is ready, and `ProcessDisabled` when it has
        died before and must not be started again. The next call starts a new one.
        """
        with self._lock:
            answer = self._exchange(request)
        if "error" in answer:
            raise error_from_json(answer["error"])
        return result_from_json(answer["result"])

    def close(self) -> None:
        """Ends the child, if there is one. A later call starts a new one."""
        with self._lock:
            child, self._child = self._child, None
            if child is None:
                return
            if self._owner == os.getpid():
                child.close()
            else:
                child.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _exchange(self, request: ImageRequest) -> dict[str, Any]:
        """Sends the request and waits for its answer.

        Whatever interrupts this, no answer is left over for the next call.
        """
        child = self._child = self._running_child()
        self._requests += 1
        answered = False
        try:
            child.send({"id": self._requests, "request": request_to_json(request)})
            answer = child.receive(self._seconds_per_image)
            if answer.get("id") != self._requests:
                raise ProcessCrashed("The inference process answered another request.", "exit")
            answered = True
        finally:
            if not answered:
                self._child = None
                child.kill()
        return answer

    def _running_child(self) -> Child:
        """The child of this process, started now if there is none."""
        if self._child is not None and self._owner != os.getpid():
            self._child.abandon()
            self._child = None
        self._owner = os.getpid()
        if self._child is not None and not self._child.is_running():
            # No image is to blame for it.
            crash = self._child.crash()
            self._child = None
            self._death_at_rest = ProcessCrashed(f"{crash.reason} It was between two images.", crash.kind)
            log.warning("%s", self._death_at_rest.reason)
        self._tell_of_death_at_rest()
        return self._child or self._start()

    def _tell_of_death_at_rest(self) -> None:
        """Has a death at rest counted. If that fails, the next call tries again."""
        death = self._death_at_rest
        if death is None:
            return
        may_start = self._on_death_at_rest is None or self._on_death_at_rest(death)
        self._death_at_rest = None
        if not may_start:
            raise ProcessDisabled(death.reason)

    def _start(self) -> Child:
        """A new child that has said that it is ready. Raises `ProcessNotStarted` when it does not."""
        try:
            child = Child(self._command or self._default_command(), child_environment())
        except ProcessCrashed as error:
            raise ProcessNotStarted(error.reason, error.kind) from error
        ready = False
        try:
            ready = child.receive(self._start_seconds) == READY
        except ProcessCrashed as error:
            raise ProcessNotStarted(error.reason, error.kind) from error
        finally:
            if not ready:
                child.kill()
        if not ready:
            raise ProcessNotStarted("The inference process did not start as expected.", "exit")
        return child

    def _default_command(self) -> list[str]:
        """Python without the current folder on its path, running this package."""
        command = [sys.executable, "-P", "-m", "autotag.inference"]
        command += ["--memory-limit", str(self._memory_limit_bytes), "--threads", str(self._threads)]
        # Linux ties a child to the thread that started it.
        if self._callers_live_on or threading.current_thread() is threading.main_thread():
            command += ["--parent", str(os.getpid())]
        return command


def child_environment() -> dict[str, str]:
    """The child's environment, free of secrets."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    return inherited | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")])),
        # One thread at a time allocates; more arenas would only use up the address space.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
