"""Downloads one file over HTTP: bounded in size, interruptible, resumed where the server allows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotag.inference.errors import InstallationCancelled, ModelCode, ModelRejected

if TYPE_CHECKING:
    import requests

# Bytes that have arrived, and all that are expected; None while the server does not say.
Progress = Callable[[int, int | None], None]

CONNECT_SECONDS = 10.0
# The longest silence of a server. A cancellation may have to wait for it.
SILENCE_SECONDS = 20.0
# So many tries in a row may bring nothing; one that brings something starts the count anew.
FRUITLESS_TRIES = 3
FIRST_PAUSE_SECONDS = 1.0
POLL_SECONDS = 0.1
READ_BYTES = 1 << 16
# Answers after which it is worth trying again (RFC 9110 and 6585).
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Interrupted(Exception):
    """The connection failed or ended early; the next try may go on from there."""


def download(
    url: str, target: Path, *, limit: int, progress: Progress, cancelled: Callable[[], bool]
) -> None:
    """Downloads `url` to `target`, a new file of at most `limit` bytes.

    After a cut connection it goes on where it was if the server can (RFC 9110, 14: a range of what carries the
    same validator), else from the start. Raises `ModelRejected` when the address is unusable, the server
    refuses, cannot be reached in three tries in a row or sends more than `limit`; `InstallationCancelled` when
    `cancelled` says so. A file may be left at `target` in both cases.
    """
    # Late: whoever only lists models needs no HTTP.
    import requests

    if not url.lower().startswith(("https://", "http://")):
        raise _failed(f"{url!r} is not an address that begins with https:// or http://")
    transfer = _Transfer(url, target, limit, progress, cancelled)
    fruitless = 0
    with requests.Session() as session:
        while True:
            before = transfer.most
            try:
                transfer.run(session)
            except (_Interrupted, requests.RequestException) as error:
                fruitless = fruitless + 1 if transfer.most == before else 1
                # An address or a certificate that is wrong stays wrong; requests' address errors are ValueErrors.
                is_final = isinstance(error, ValueError | requests.exceptions.SSLError)
                if is_final or fruitless >= FRUITLESS_TRIES:
                    raise _failed(_reason(url, error)) from error
                _pause(FIRST_PAUSE_SECONDS * 2 ** (fruitless - 1), cancelled)
            else:
                return


@dataclass(slots=True)
class _Transfer:
    """One file on its way. `done` bytes are in `target`, `total` are expected, `most` is the most ever there."""

    url: str
    target: Path
    limit: int
    progress: Progress
    cancelled: Callable[[], bool]
    done: int = 0
    most: int = 0
    total: int | None = None
    validator: str | None = None

    def run(self, session: requests.Session) -> None:
        """One try. Raises `_Interrupted` or an exception of requests when it did not bring the whole file."""
        self._check_cancelled()
        with session.get(
            self.url, headers=self._headers(), stream=True, timeout=(CONNECT_SECONDS, SILENCE_SECONDS)
        ) as response:
            self._begin(response)
            mode = "r+b" if self.done else "wb"
            with self.target.open(mode) as output:
                output.seek(self.done)
                for block in _blocks(response.raw):
                    self._check_cancelled()
                    output.write(block)
                    self._advance(len(block))
        if self.total is not None and self.done < self.total:
            raise _Interrupted(f"the connection ended after {self.done} of {self.total} bytes")

    def _headers(self) -> dict[str, str]:
        """No compression, so that bytes are counted as they are; the rest only, if some have arrived."""
        headers = {"Accept-Encoding": "identity"}
        if self.done and self.validator:
            headers |= {"Range": f"bytes={self.done}-", "If-Range": self.validator}
        return headers

    def _begin(self, response: requests.Response) -> None:
        """Reads the answer's head: from which byte it goes on, and how many there will be."""
        if response.status_code in PASSING_STATUSES:
            raise _Interrupted(f"the server answered {response.status_code}")
        resumes = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {self.done}-"
        )
        if not resumes:
            if response.status_code != 200:
                raise _failed(f"{self.url} answered {response.status_code} {response.reason}".rstrip())
            self.done = 0
        length = response.headers.get("Content-Length", "")
        self.total = self.done + int(length) if length.isdecimal() else None
        etag = response.headers.get("ETag", "")
        # A weak tag does not promise the same bytes (RFC 9110, 13.1.5).
        self.validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        self._expect_within_limit(self.total or 0)

    def _advance(self, count: int) -> None:
        self.done += count
        self.most = max(self.most, self.done)
        self._expect_within_limit(self.done)
        self.progress(self.done, self.total)

    def _expect_within_limit(self, size: int) -> None:
        if size > self.limit:
            message = f"{self.url} sends more than the {self.limit} bytes that are accepted."
            raise ModelRejected(ModelCode.TOO_LARGE, message)

    def _check_cancelled(self) -> None:
        if self.cancelled():
            raise InstallationCancelled


def _blocks(raw: Any) -> Iterator[bytes]:
    """What arrives, as soon as it arrives: a slow server must not keep a cancellation waiting."""
    from urllib3.exceptions import HTTPError

    try:
        while block := raw.read1(READ_BYTES):
            yield block
    except (HTTPError, OSError) as error:
        raise _Interrupted("the connection ends before all has arrived") from error


def _pause(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cancelled():
            raise InstallationCancelled
        time.sleep(POLL_SECONDS)


def _reason(url: str, error: Exception) -> str:
    """Why the last try failed, without the layers of exception text that HTTP libraries add."""
    import requests

    match error:
        case requests.exceptions.SSLError():
            return f"{url} has no certificate that this machine trusts"
        case requests.Timeout():
            return f"{url} does not answer"
        case requests.ConnectionError():
            return f"{url} cannot be reached from this machine"
    return f"{url}: {error}".rstrip(".")


def _failed(reason: str) -> ModelRejected:
    return ModelRejected(ModelCode.DOWNLOAD_FAILED, f"The download failed: {reason}.")
