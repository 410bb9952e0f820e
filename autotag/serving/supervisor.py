"""Honcho's manager, changed in one respect: a part that dies is started again instead of ending all others."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from honcho.manager import SIGNALS, Manager

from autotag.guards import attempt
from autotag.serving.forker_client import ForkedPart

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
STEADY_SECONDS = 30.0
KILL_AFTER_SECONDS = 10.0


class Supervisor(Manager):  # type: ignore[misc]  # Honcho carries no types
    """Keeps named commands running until a signal ends it; their lines are printed with their names before them."""

    def __init__(self, *args: Any, needed: Collection[str] = (), **kwargs: Any) -> None:
        """`needed` names the parts that the others need, so that they are ended after them."""
        super().__init__(*args, **kwargs)
        self._needed = needed
        self.returncode: int | None = None
        # Threads watch the parts here, where Honcho forks a process for each: a fork costs memory, and a
        # thread's end is not its part's end.
        self.events: queue.Queue[Any] = queue.Queue()
        self._due: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._told: set[str] = set()

    def add_part(self, name: str, start: Callable[[], ForkedPart | subprocess.Popen[bytes]]) -> None:
        """Add a part that `start` starts, where `add_process` adds one that a shell's command does."""
        self.add_process(name, name)
        # Where Honcho's own processes keep what starts them.
        self._processes[name]["obj"]._child_ctor = lambda *_, **__: start()

    @contextmanager
    def needed_starting(self) -> Iterator[None]:
        """Let the parts that the others need, of those added so far, start while something else is done.

        They are ended when that fails.
        """
        for name in self._needed:
            if name in self._processes:
                self._launch(name)
        try:
            yield
        except BaseException:
            self.terminate()
            self._watch()
            raise

    def loop(self, when_started: Callable[[], None] | None = None) -> None:
        """Start what has not been started, restart what dies, and return when a signal has ended all."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        for name in [name for name in self._processes if name not in self._started]:
            self._launch(name)
        if when_started is not None:
            when_started()
        self._watch()

    def _watch(self) -> None:
        deadline = None
        while not (self._terminating and self._all_stopped()):
            event = self._next_event()
            # A line that cannot be printed must not end all parts.
            attempt(partial(self._handle, event), lambda _error: None)
            if self._terminating:
                deadline = deadline or time.monotonic() + KILL_AFTER_SECONDS
                if time.monotonic() > deadline:
                    self.kill()
            else:
                self._restart_due()

    def say(self, line: str) -> None:
        """Print a line of our own among those of the parts."""
        self._system_print(line + "\n")

    def _on_signal(self, number: int, _frame: object) -> None:
        if self.returncode is None:
            # Ctrl-C is the ordinary way to end; anything else keeps the shell's convention.
            self.returncode = 0 if number == signal.SIGINT else SIGNALS[number]["rc"]
            self.terminate()

    def _next_event(self) -> Any:
        try:
            return self.events.get(timeout=0.1)
        except queue.Empty:
            return None

    def _handle(self, event: Any) -> None:
        if event is None:
            return
        if event.type == "line":
            self._printer.write(event)
        elif event.type == "start":
            self._processes[event.name]["pid"] = event.data["pid"]
            if self._terminating:
                self._killall()
        elif event.type == "stop":
            self._processes[event.name]["returncode"] = event.data["returncode"]
            if self._terminating:
                self._killall()
            else:
                self._schedule(event.name, event.data["returncode"])

    def _schedule(self, name: str, returncode: int) -> None:
        steady = time.monotonic() - self._started[name] > STEADY_SECONDS
        delay = FIRST_DELAY_SECONDS if steady else self._delays.get(name, FIRST_DELAY_SECONDS)
        self._delays[name] = min(delay * 2, LONGEST_DELAY_SECONDS)
        self._due[name] = time.monotonic() + delay
        self.say(f"{name} ended (code {returncode}); starting it again in {delay:g} s")

    def _restart_due(self) -> None:
        for name in [name for name, due in self._due.items() if due <= time.monotonic()]:
            del self._due[name]
            self._launch(name)

    def _launch(self, name: str) -> None:
        part = self._processes[name]
        part.pop("pid", None)
        part.pop("returncode", None)
        self._started[name] = time.monotonic()
        threading.Thread(target=self._run, args=(part["obj"],), name=name, daemon=True).start()

    def _run(self, part: Any) -> None:
        def note(error: Exception) -> None:
            # Without this event nobody would start the part again.
            part._send_message(f"cannot be started: {error}\n".encode())
            part._send_message({"returncode": os.EX_OSERR}, type="stop")

        attempt(partial(part.run, self.events), note)

    def _all_stopped(self) -> bool:
        return all("returncode" in self._processes[name] for name in self._started)

    def _killall(self, force: bool = False) -> None:
        started = {name: self._processes[name] for name in self._started}
        running = {name: part for name, part in started.items() if "returncode" not in part}
        others_run = bool(running.keys() - set(self._needed))
        send = self._procmgr.kill if force else self._procmgr.terminate
        for name, part in running.items():
            if (
                "pid" in part
                and (force or not others_run or name not in self._needed)
                and (force or name not in self._told)
            ):
                self._told.update(() if force else (name,))
                send(part["pid"])
