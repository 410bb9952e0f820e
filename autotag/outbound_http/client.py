"""One POST to a service: to a checked address, within limits of time and size, leaving no trace of the key."""

import email.utils
import http.client
import json
import queue
import re
import ssl
import threading
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import SSLError as ConnectionSSLError
from urllib3.exceptions import TimeoutError as ConnectionTimeoutError

from autotag.outbound_http.addresses import (
    Resolver,
    Target,
    check_addresses,
    is_literal,
    read_target,
    resolve,
)
from autotag.outbound_http.connection import (
    CheckedAddressAdapter,
    Deadline,
    TimedConnection,
    TimedSecureConnection,
)
from autotag.outbound_http.errors import (
    AnswerUnusable,
    OutboundError,
    RequestRefused,
    ServiceUnreachable,
)

LONGEST_RETRY_AFTER = 3600.0
_CHUNK = 16 * 1024
# requests' exceptions are OSErrors.
_TROUBLE = (OSError, HTTPError, http.client.HTTPException)
_OUT_OF_TIME = (requests.Timeout, ConnectionTimeoutError, TimeoutError)
_NOT_TRUSTED = (requests.exceptions.SSLError, ConnectionSSLError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take: seconds to connect, between two bytes, and in all; bytes of the answer."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    total_seconds: float = 45.0
    body_bytes: int = 1024 * 1024


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answered. `retry_after` is in seconds, 0..3600. The body is for parsers, not for people."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    def document(self) -> object:
        """Return the body read as JSON, or None when it is no JSON."""
        try:
            document: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document


class WebClient:
    """Calls services on behalf of providers. One object may serve many of them, one call at a time.

    `allowed_private_hosts` (`host` or `host:port`, lower case) may be private, plain http, and on any port;
    everything else is https on port 443 of public addresses. Proxies and .netrc of the environment are not
    looked at, redirects are not followed, and a connection serves one call. `certificates` replaces the
    authorities that requests trusts.
    """

    def __init__(
        self,
        allowed_private_hosts: Collection[str] = (),
        *,
        resolver: Resolver = resolve,
        limits: Limits = DEFAULT_LIMITS,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed_private_hosts = frozenset(allowed_private_hosts)
        self._resolver = resolver
        self._limits = limits
        self._certificates = certificates

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send one POST and return the answer, whatever its status unless it is a redirect.

        Raises RequestRefused with `address_refused` or `bad_credentials` before a byte is sent, and
        with `redirected`; ServiceUnreachable with `dns_failed`, `connection_failed`, `tls_failed` or
        `timed_out`; AnswerUnusable with `answer_too_large` or `answer_unreadable`.
        """
        target = read_target(url, self._allowed_private_hosts)
        request = _prepare(target, body, headers)
        with Deadline(self._limits.total_seconds) as deadline:
            addresses = self._resolve(target, deadline)
            check_addresses(target, addresses)
            return self._send(target, addresses, request, deadline)

    def _resolve(self, target: Target, deadline: Deadline) -> Sequence[str]:
        if is_literal(target.host):
            return [target.host]
        answers: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolver(target.host, target.port))
            except (OSError, UnicodeError):
                answers.put([])

        # In a thread of its own: the system's resolver knows no time-out.
        threading.Thread(target=ask, daemon=True).start()
        try:
            addresses = answers.get(timeout=deadline.seconds_left)
        except queue.Empty:
            addresses = []
        if not addresses:
            raise ServiceUnreachable("dns_failed", f"The host {target.host} was not found.")
        return addresses

    def _send(
        self,
        target: Target,
        addresses: Sequence[str],
        request: requests.PreparedRequest,
        deadline: Deadline,
    ) -> Reply:
        failure: OutboundError | None = None
        for address in addresses:
            with self._pool(target, address, deadline) as pool:
                try:
                    return self._exchange(target, pool, request, deadline)
                except _TROUBLE as error:
                    failure = _explain(target, error, deadline)
            if deadline.is_connected or deadline.has_passed:
                break
        assert failure is not None  # noqa: S101 - for the type checker: there is at least one address
        # Raised outside of the handler: requests' exception holds the request with the key, and must not be
        # reachable as the context of ours.
        raise failure

    def _exchange(
        self,
        target: Target,
        pool: HTTPConnectionPool,
        request: requests.PreparedRequest,
        deadline: Deadline,
    ) -> Reply:
        # The adapter alone, without requests' Session: that is what would read the environment, keep cookies
        # and follow redirects.
        adapter = CheckedAddressAdapter(pool)
        timeout = (self._limits.connect_seconds, self._limits.read_seconds)
        with adapter.send(request, stream=True, timeout=timeout) as response:
            if 300 <= response.status_code < 400:
                raise RequestRefused(
                    "redirected",
                    f"{target.host} redirects to another address, and redirects are not followed. "
                    "Enter the address that it redirects to.",
                )
            raw = _read(response, self._limits.body_bytes, target)
            if deadline.has_passed:
                raise TimeoutError
            body = _decode(raw, response.headers.get("Content-Encoding", ""), self._limits.body_bytes, target)
            return Reply(response.status_code, body, read_retry_after(response.headers.get("Retry-After")))

    def _pool(self, target: Target, address: str, deadline: Deadline) -> HTTPConnectionPool:
        if target.scheme == "http":
            plain = HTTPConnectionPool(address, target.port, deadline=deadline)
            plain.ConnectionCls = TimedConnection
            return plain
        secure = HTTPSConnectionPool(
            address,
            target.port,
            ssl_context=self._certificates or _usual_certificates(),
            server_hostname=target.host,
            deadline=deadline,
        )
        secure.ConnectionCls = TimedSecureConnection
        return secure


def read_retry_after(text: str | None) -> float | None:
    """Return what a `Retry-After` header says, in seconds from now, 0..3600; None when it says nothing.

    It is a number of seconds or a date (RFC 9110, 10.2.3).
    """
    if text is None:
        return None
    if re.fullmatch(r"\s*[+-]?[0-9]{1,12}(\.[0-9]*)?\s*", text):
        seconds = float(text)
    else:
        try:
            moment = email.utils.parsedate_to_datetime(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            seconds = (moment - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


@cache
def _usual_certificates() -> ssl.SSLContext:
    # Reading all authorities takes about 20 ms: once in a process.
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


def _prepare(target: Target, body: bytes, headers: Mapping[str, str]) -> requests.PreparedRequest:
    for value in headers.values():
        # requests and http.client refuse such a value in an exception that repeats it.
        if not value or not value.isascii() or not value.isprintable() or value != value.strip():
            raise RequestRefused(
                "bad_credentials", "The API key is empty or has a character that no key has. Enter it again."
            )
    own = {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"}
    return requests.Request("POST", target.url, headers={**headers, **own}, data=body).prepare()


def _read(response: requests.Response, limit: int, target: Target) -> bytes:
    body = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > limit:
            raise _too_large(target)
    return bytes(body)


def _decode(body: bytes, encoding: str, limit: int, target: Target) -> bytes:
    """Undo a compression that was not asked for, but which gateways apply; a small body may hold a huge one."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    decompressor = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever its header tells
    try:
        decoded = (
            decompressor.decompress(body, limit + 1) if encoding in ("gzip", "x-gzip", "deflate") else None
        )
    except zlib.error:
        decoded = None
    if decoded is None:
        raise AnswerUnusable("answer_unreadable", f"The answer of {target.host} cannot be decoded.")
    if len(decoded) > limit:
        raise _too_large(target)
    return decoded


def _too_large(target: Target) -> AnswerUnusable:
    return AnswerUnusable("answer_too_large", f"The answer of {target.host} is too large to be an answer.")


def _explain(target: Target, error: Exception, deadline: Deadline) -> ServiceUnreachable:
    if deadline.has_passed or isinstance(error, _OUT_OF_TIME):
        return ServiceUnreachable("timed_out", f"{target.host} did not answer in time.")
    if isinstance(error, _NOT_TRUSTED):
        return ServiceUnreachable("tls_failed", f"The certificate of {target.host} could not be verified.")
    if deadline.is_connected:
        return ServiceUnreachable("connection_failed", f"The connection to {target.host} broke.")
    return ServiceUnreachable("connection_failed", f"No connection to {target.host} could be made.")
