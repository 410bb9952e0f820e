"""Hosts made of network namespaces on one bridge, which is in a namespace of its own: nothing outside is touched.

Needs root and `ip`. Whatever happens, the processes in the namespaces are killed and the namespaces removed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

NETWORK = "10.213.77"
"""Addresses of the hosts; they exist in the namespaces only, which have no way out."""


def ip(*arguments: str, check: bool = True) -> str:
    """Run `ip`; raises RuntimeError with what it said."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    """A namespace with one address; what runs in it."""

    def __init__(self, namespace: str, address: str, folder: Path, log: Path) -> None:
        self.namespace = namespace
        self.address = address
        self.folder = folder
        self._log = log

    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that stays."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *command],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Run a program to its end; return what it printed. Raises RuntimeError when it fails."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace, *command],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:4])}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def processes(self) -> list[int]:
        """Return what runs in the namespace."""
        return [int(text) for text in ip("netns", "pids", self.namespace, check=False).split()]

    def kill(self) -> None:
        """Take away everything at once, as a power cut does."""
        for _ in range(100):
            found = self.processes()
            if not found:
                return
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


class Network:
    """Makes hosts, and clears all of them away at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prefix = f"at{os.getpid()}"
        self._bridge = f"{self._prefix}-hub"
        self._hosts: list[Host] = []
        self._made: list[str] = []

    def __enter__(self) -> Network:
        try:
            self._make(self._bridge)
            ip("-n", self._bridge, "link", "add", "bridge", "type", "bridge")
            ip("-n", self._bridge, "link", "set", "bridge", "up")
        except BaseException:
            self.clear()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.clear()

    def add(self, name: str) -> Host:
        """Make a host on the bridge, with a folder of its own as its disk."""
        number = len(self._hosts) + 2
        namespace = f"{self._prefix}-{name}"
        self._make(namespace)
        folder = self.folder / name
        folder.mkdir()
        host = Host(namespace, f"{NETWORK}.{number}", folder, self.folder / f"{name}.log")
        self._hosts.append(host)
        link = f"port{number}"
        ip(
            "-n",
            namespace,
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "name",
            link,
            "netns",
            self._bridge,
        )
        ip("-n", self._bridge, "link", "set", link, "master", "bridge", "up")
        ip("-n", namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", namespace, "link", "set", device, "up")
        return host

    def clear(self) -> None:
        """Kill what runs in the namespaces and remove them."""
        for host in reversed(self._hosts):
            host.kill()
        for namespace in reversed(self._made):
            ip("netns", "delete", namespace, check=False)
        self._hosts, self._made = [], []

    def _make(self, namespace: str) -> None:
        ip("netns", "add", namespace)
        self._made.append(namespace)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let a request to end this process pass through all blocks, so that each clears up."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
