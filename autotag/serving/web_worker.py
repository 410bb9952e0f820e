"""Gunicorn's worker with threads, so that slow callers do not hold all of them.

A thread gets a request when its head is there, and a short body with it; till then the main loop collects them, without
a thread. Larger bodies may be read by some threads at a time, so that there is always one left for pages; whoever sends
or takes nothing for a while, or sends more slowly than any line, is cut off. Nor does the main loop wait for anybody.
If it is stuck all the same, the process ends, so that whoever started it starts another.
"""

import errno
import faulthandler
import os
import re
import socket
import threading
import time
from collections import deque
from functools import partial
from selectors import EVENT_READ
from types import SimpleNamespace
from typing import Any

from gunicorn.http.errors import InvalidHeader, InvalidHeaderName, ObsoleteFolding
from gunicorn.workers.gthread import TConn, ThreadWorker

from autotag.blueprints.long_answers import ANSWER
from autotag.serving import long_answers
from autotag.serving.long_answers import Answer, PacedSender, Places

HEAD_SECONDS = 15.0
"""Within which a head, and a short body, have to be there."""

SHORT_BODY_BYTES = 64 * 1024
LARGEST_HEAD_BYTES = 64 * 1024
"""From which on the parser decides: what it takes is less."""

THREADS_FOR_PAGES = 2
LINGER_SECONDS = 2.0
"""How long a connection that is over stays for the other side to close it, so that it gets the last answer whole."""

MOST_CONNECTIONS, MOST_LINGERING = 500, 200
"""With files and the connections to the database, fewer than the 1,024 descriptors that a process usually may have."""

END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
ASKS_FIRST = re.compile(rb"\r\nexpect:", re.IGNORECASE)
NAME_OF_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
PAUSE_SECONDS = 0.05

WATCH_SECONDS = 10.0
"""How often a thread looks whether the main loop goes on."""


class PacedReader:
    """A socket as the parser reads it. Raises ConnectionResetError when the caller is too slow."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waited = 0.0
        self._received = 0

    def recv(self, size: int) -> bytes:
        """Return what comes next. Only the time in which nothing came counts, not what the application does."""
        allowed = long_answers.GRACE_SECONDS + self._received / long_answers.LEAST_BYTES_A_SECOND
        left = allowed - self._waited
        began = time.monotonic()
        try:
            self._connection.settimeout(max(0.001, min(left, long_answers.STALL_SECONDS)))
            data = self._connection.recv(size)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the caller is too slow") from error
        finally:
            self._connection.settimeout(long_answers.STALL_SECONDS)
        self._waited += time.monotonic() - began
        self._received += len(data)
        return data


class PatientConnection(TConn):  # type: ignore[misc]  # gunicorn carries no types
    """A connection of which the beginning of a request may have been read. `has_body` says that more follows."""

    def __init__(self, worker: "PatientWorker", *arguments: Any) -> None:
        super().__init__(*arguments)
        self._worker = worker
        self.begun = bytearray()
        self.has_body = False

    def close(self, graceful: bool = False) -> None:
        """Close it; gracefully means that the worker lets it linger, where gunicorn's own would wait meanwhile."""
        if graceful:
            self._worker.let_linger(self)
        else:
            super().close()

    def init(self) -> None:
        """Let the parser go on behind what was read, at a pace. A thread calls this before each request."""
        super().init()
        self.sock.settimeout(long_answers.STALL_SECONDS)
        if not self.is_http2:
            self.parser.unreader.sock = PacedReader(self.sock)
            if self.begun:
                self.parser.unreader.unread(bytes(self.begun))
                self.begun.clear()

    def is_ready(self) -> bool:
        """Whether what was read is enough for a thread; notes whether it has to read a body."""
        end = self.begun.find(END_OF_HEAD)
        if end < 0:
            return len(self.begun) >= LARGEST_HEAD_BYTES
        head = bytes(self.begun[: end + 2])
        length = max((int(found) for found in LENGTH.findall(head)), default=0)
        missing = length - (len(self.begun) - end - len(END_OF_HEAD))
        self.has_body = missing > 0 or CHUNKED.search(head) is not None
        return length > SHORT_BODY_BYTES or missing <= 0 or ASKS_FIRST.search(head) is not None


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types
    """The worker. All of this runs in its main loop, but for what a thread does with a request."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bodies: set[PatientConnection] = set()
        self._places = Places(self.cfg.threads - THREADS_FOR_PAGES)
        self._waiting: deque[PatientConnection] = deque()
        self._lingering: deque[PatientConnection] = deque()
        self._went_on = time.monotonic()

    def run(self) -> None:
        """Serve until a signal comes, watched by a thread."""
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        super().run()

    def notify(self) -> None:
        """Note that the main loop goes on."""
        self._went_on = time.monotonic()

    def is_parent_alive(self) -> bool:
        """Who started it may end: it listens on."""
        return True

    def _watch(self) -> None:
        """End the process when the main loop has been stuck for longer than gunicorn's `timeout`."""
        times_stuck = 0
        # Twice in a row: after the whole process was stopped, the main loop first has to get its turn.
        while times_stuck < 2:
            time.sleep(WATCH_SECONDS)
            times_stuck = times_stuck + 1 if time.monotonic() - self._went_on > self.cfg.timeout else 0
        self.log.critical("the web server is stuck and ends; what it was at stands below")
        faulthandler.dump_traceback(all_threads=True)
        os._exit(os.EX_SOFTWARE)

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, and wait for its request without a thread."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTORS:
                # Gunicorn's own would end the worker, and with it the uploads under way.
                self.log.warning("no connection can be taken: %s", error.strerror)
                time.sleep(PAUSE_SECONDS)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        self._collect(PatientConnection(self, self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: PatientConnection, client: socket.socket) -> None:
        """Wait for the next request of a connection that was kept open."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def on_pending_socket_readable(self, conn: PatientConnection, client: socket.socket) -> None:
        """Take in what has come, and hand the connection to a thread when it is enough."""
        try:
            data = client.recv(LARGEST_HEAD_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        conn.begun += data
        if data and not conn.is_ready():
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        if not data and not conn.begun:
            self.nr_conns -= 1
            conn.close()
            return
        conn.data_ready = True
        self.enqueue_req(conn)

    def enqueue_req(self, conn: PatientConnection) -> None:
        """Give a connection to a thread, or let it wait while enough threads read bodies."""
        if conn.has_body:
            if not self._places.take_body():
                self._waiting.append(conn)
                return
            self._bodies.add(conn)
        super().enqueue_req(conn)

    def finish_request(self, conn: PatientConnection, fs: Any) -> None:
        """Go on with the connection, and with one that waits in its stead."""
        if conn in self._bodies:
            self._bodies.remove(conn)
            self._places.give_body()
        conn.has_body = False
        super().finish_request(conn, fs)
        if self._waiting:
            self.enqueue_req(self._waiting.popleft())

    def load_wsgi(self) -> None:
        """Load the application, and hand it each request's answer."""
        super().load_wsgi()
        application = self.wsgi  # type: ignore[has-type]  # gunicorn carries no types

        def with_answer(environ: dict[str, Any], start_response: Any) -> Any:
            environ[ANSWER] = environ["gunicorn.socket"].answer
            return application(environ, start_response)

        self.wsgi = with_answer

    def handle_request(self, req: Any, conn: PatientConnection) -> bool:
        """Answer a request at the pace of its reader, within limits. A thread calls this."""
        answer = Answer(self._places)
        sender = PacedSender(conn.sock, answer)
        paced = SimpleNamespace(sock=sender, client=conn.client, server=conn.server)
        try:
            return bool(super().handle_request(req, paced))
        finally:
            answer.end()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Say of a header that cannot be read what it is called, and nothing else: it may hold a token or a cookie."""
        if isinstance(exc, InvalidHeader | InvalidHeaderName | ObsoleteFolding):
            name = NAME_OF_HEADER.match(str(exc.hdr))
            exc.hdr = name[0] if name else ""
        super().handle_error(req, client, addr, exc)

    def let_linger(self, conn: PatientConnection) -> None:
        """End what is sent, and close the connection when the other side has, or after a moment."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._lingering.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))

    def murder_pending(self) -> None:
        """Close what has waited or lingered for too long."""
        if not self.alive:
            # Browsers open connections in advance; a worker that stops waits for requests, not for these.
            for conn in [conn for conn in self.pending_conns if not conn.begun]:
                conn.timeout = 0.0
                self.pending_conns.remove(conn)
                self.pending_conns.appendleft(conn)
        super().murder_pending()
        now = time.monotonic()
        while self._lingering and (self._lingering[0].timeout < now or len(self._lingering) > MOST_LINGERING):
            self._end(self._lingering[0])

    def _drain(self, conn: PatientConnection, client: socket.socket) -> None:
        """Read what nobody wants any more; a reset would take the answer along."""
        try:
            if client.recv(LARGEST_HEAD_BYTES):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self._end(conn)

    def _end(self, conn: PatientConnection) -> None:
        self._lingering.remove(conn)
        self.poller.unregister(conn.sock)
        conn.close()

    def _collect(self, conn: PatientConnection) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))
