"""Threads for long answers: how many may be held at once, and a least pace for whoever reads.

A thread that sends a file, or waits for somebody else's service, can do nothing else. So such answers have places,
fewer than there are threads, and a share of them for each virtual instance. An answer that needs no place when it
begins, such as a page, needs one as soon as its reader makes it wait.
"""

import errno
import fcntl
import os
import select
import socket
import sys
import termios
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

STALL_SECONDS = 30.0
"""After which a connection on which nothing moves is cut off."""

GRACE_SECONDS = 15.0
LEAST_BYTES_A_SECOND = 4096
"""What is sent or read more slowly is cut off when the grace is used up, too."""

WAIT_WITHOUT_PLACE_SECONDS = 1.0
"""How long an answer without a place may wait for its reader, in all."""

LOOK_MILLISECONDS = 500
BLOCK_BYTES = 1 << 20

Tenant = Hashable


class Places:
    """Places for what holds a thread for long: bodies that are read, and long answers. Safe for threads.

    `total` is the most of both together. Long answers leave one of them for bodies, and one tenant has at most the half
    of what is left.
    """

    def __init__(self, total: int) -> None:
        self._total = max(1, total)
        self._most_answers = max(1, total - 1)
        self._share = max(1, (self._most_answers + 1) // 2)
        self._bodies = 0
        self._answers: Counter[Tenant] = Counter()
        self._lock = threading.Lock()

    def take_body(self) -> bool:
        """Take a place for a body; False when none is free."""
        with self._lock:
            if self._bodies + self._answers.total() >= self._total:
                return False
            self._bodies += 1
            return True

    def give_body(self) -> None:
        """Give the place of a body back."""
        with self._lock:
            self._bodies -= 1

    def take_answer(self, tenant: Tenant) -> bool:
        """Take a place for a long answer; False when none is free, or the tenant has its share."""
        with self._lock:
            answers = self._answers.total()
            is_full = answers >= self._most_answers or answers + self._bodies >= self._total
            if is_full or self._answers[tenant] >= self._share:
                return False
            self._answers[tenant] += 1
            return True

    def give_answer(self, tenant: Tenant) -> None:
        """Give the place of a long answer back."""
        with self._lock:
            self._answers[tenant] -= 1
            if not self._answers[tenant]:
                del self._answers[tenant]


class Answer:
    """One answer, which may hold a place. `tenant` is whose share it uses; the application says so when it knows."""

    def __init__(self, places: Places) -> None:
        self.tenant: Tenant = None
        self._places = places
        self._held_by: list[Tenant] = []

    @property
    def has_place(self) -> bool:
        """Whether it holds a place."""
        return bool(self._held_by)

    def take_place(self) -> bool:
        """Take a place unless it holds one already; False when there is none."""
        if not self._held_by and self._places.take_answer(self.tenant):
            self._held_by.append(self.tenant)
        return self.has_place

    def end(self) -> None:
        """Give the place back."""
        while self._held_by:
            self._places.give_answer(self._held_by.pop())


class PacedSender:
    """A socket as the server writes to it. Raises ConnectionResetError when the reader is too slow.

    Only the time in which the reader takes nothing counts, not what the application needs.
    """

    def __init__(self, connection: socket.socket, answer: Answer) -> None:
        self._connection = connection
        self.answer = answer
        self._waited = 0.0
        self._moved_at = 0.0
        self._sent = self._taken = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def sendall(self, data: bytes) -> None:
        """Send it all."""
        rest = memoryview(data)
        with self._never_blocking():
            while rest:
                try:
                    sent = self._connection.send(rest)
                except BlockingIOError:
                    self._wait()
                    continue
                self._sent += sent
                rest = rest[sent:]

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        """Send a part of a file without reading it, to its end if it is shorter; return how much was sent."""
        left = os.fstat(file.fileno()).st_size - offset if count is None else count
        began = offset
        with self._never_blocking():
            while left > 0:
                try:
                    sent = os.sendfile(
                        self._connection.fileno(), file.fileno(), offset, min(left, BLOCK_BYTES)
                    )
                except BlockingIOError:
                    self._wait()
                    continue
                if not sent:
                    break
                self._sent += sent
                offset, left = offset + sent, left - sent
        return offset - began

    @contextmanager
    def _never_blocking(self) -> Iterator[None]:
        """Let the system's calls return at once: a socket with a timeout would wait for the reader by itself."""
        timeout = self._connection.gettimeout()
        self._connection.setblocking(False)
        try:
            yield
        finally:
            self._connection.settimeout(timeout)

    def _wait(self) -> None:
        """Wait until the reader takes more, for as long as it may let an answer wait."""
        poll = select.poll()
        poll.register(self._connection, select.POLLOUT)
        is_ready = False
        while not is_ready:
            self._refuse_slow()
            began = time.monotonic()
            is_ready = bool(poll.poll(LOOK_MILLISECONDS))
            self._waited += time.monotonic() - began

    def _refuse_slow(self) -> None:
        """Raise ConnectionResetError when the reader has let the answer wait for too long."""
        if self._waited >= WAIT_WITHOUT_PLACE_SECONDS and not self.answer.take_place():
            raise ConnectionResetError(errno.ECONNRESET, "the reader is slow, and no place is free")
        # What waits in the kernel was not taken by anybody.
        taken = self._sent - _unsent_bytes(self._connection)
        if taken > self._taken:
            self._taken, self._moved_at = taken, self._waited
        is_stalled = self._waited - self._moved_at > STALL_SECONDS
        if is_stalled or self._waited > GRACE_SECONDS + self._taken / LEAST_BYTES_A_SECOND:
            raise ConnectionResetError(errno.ECONNRESET, "the reader is too slow")


def _unsent_bytes(connection: socket.socket) -> int:
    """Return how much the kernel keeps that the other side has not acknowledged (Linux: SIOCOUTQ; tcp(7))."""
    count = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(count, sys.byteorder)
