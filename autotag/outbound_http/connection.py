"""A connection to an address that was checked, which is cut when the time for the whole call is over."""

import socket
import threading
import time
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Cuts the connection when the time for the whole call is over, however steadily it drips.

    Time-outs of a socket are between two bytes; this one, in seconds, is for everything from the resolving of
    the name to the last byte. It is a context in which one call is made.
    """

    def __init__(self, seconds: float) -> None:
        self.is_connected = False
        self.has_passed = False
        self._end = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    @property
    def seconds_left(self) -> float:
        """What is left of the time, in seconds, at least 0."""
        return max(self._end - time.monotonic(), 0.0)

    def watch(self, connected: socket.socket) -> None:
        """Cut this socket at the end of the time, or now when that is over."""
        with self._lock:
            self.is_connected = True
            self._socket = connected
            self._cut_if_passed()

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            self._cut_if_passed()

    def _cut_if_passed(self) -> None:
        if self.has_passed and self._socket is not None:
            try:
                # Not SSLSocket's own: that would change the object under the thread that reads from it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()


class TimedConnection(HTTPConnection):
    """A plain connection with a deadline."""

    def __init__(self, *arguments: Any, deadline: Deadline, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline = deadline

    def connect(self) -> None:
        """Connect, and let the deadline watch."""
        super().connect()
        self._deadline.watch(self.sock)


class TimedSecureConnection(HTTPSConnection):
    """A TLS connection with a deadline."""

    def __init__(self, *arguments: Any, deadline: Deadline, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline = deadline

    def connect(self) -> None:
        """Connect, and let the deadline watch."""
        super().connect()
        if self.sock is not None:
            self._deadline.watch(self.sock)


class CheckedAddressAdapter(HTTPAdapter):
    """Sends over a connection to an address that was checked, whatever the request's host resolves to now."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        super().__init__()
        self._pool = pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """Return the pool of the checked address."""
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave the pool as it is: its context verifies already, and need not read its authorities again."""
