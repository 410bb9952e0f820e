"""Passwords: which ones may be used, and their hashes."""

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from werkzeug.security import check_password_hash, generate_password_hash

from autotag.instances.errors import PeopleError
from autotag.instances.weak_passwords import is_common, is_mostly

MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 256
RANDOM_BYTES = 12

METHOD = "scrypt:131072:8:1"
"""scrypt with N = 2^17, r = 8, p = 1, which takes 128 MiB (OWASP Password Storage Cheat Sheet, 2026)."""

HASHES_AT_ONCE = 2
HASHES_WAITING = 2
LONGEST_WAIT_SECONDS = 10.0
"""What the hashes of one process may take: 256 MiB, and half of the web server's eight threads."""


class PasswordsBusy(Exception):
    """Too many passwords are being checked at once; the same request succeeds a moment later."""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The hash of a password that may be used. Its owner has to replace it at the first sign-in if it is generated."""

    hash: str
    is_generated: bool = False


class _Slots:
    """Admits a few callers at once and lets a few wait. Raises PasswordsBusy for the others."""

    def __init__(self, at_once: int, waiting: int, seconds: float) -> None:
        self._seconds = seconds
        self._admitted = threading.BoundedSemaphore(at_once + waiting)
        self._running = threading.BoundedSemaphore(at_once)

    @contextmanager
    def take(self) -> Iterator[None]:
        if not self._admitted.acquire(blocking=False):
            raise PasswordsBusy
        try:
            if not self._running.acquire(timeout=self._seconds):
                raise PasswordsBusy
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._admitted.release()


_slots = _Slots(HASHES_AT_ONCE, HASHES_WAITING, LONGEST_WAIT_SECONDS)


def choose_password(text: str, *, about: Sequence[str] = ()) -> NewPassword:
    """Check and hash a password that somebody chose. It takes long: call it before a transaction begins.

    `about` holds what anybody knows: the person's address, the instance's names. Raises PeopleError for a password
    that is too short or too long, common, or hardly more than one of those words; and PasswordsBusy.
    """
    if not MINIMUM_LENGTH <= len(text) <= MAXIMUM_LENGTH:
        raise PeopleError("password", f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters.")
    if is_common(text):
        raise PeopleError(
            "password", "Many people use this password, so it is among the first to be guessed."
        )
    if is_mostly(text, about):
        raise PeopleError(
            "password", "This password is mostly an address or a name of this site. Choose another one."
        )
    return NewPassword(_hash(text))


def choose_or_generate(text: str | None, *, about: Sequence[str] = ()) -> tuple[str, NewPassword]:
    """Return a password and its hash: the chosen one, or for None a generated one. Raises as `choose_password`."""
    if text is not None:
        return text, choose_password(text, about=about)
    generated = secrets.token_urlsafe(RANDOM_BYTES)
    return generated, NewPassword(_hash(generated), is_generated=True)


def matches(stored: str | None, text: str) -> bool:
    """Return whether a password is the one of a stored hash; False for None, nobody's hash.

    All answers take the same time: an older, cheaper hash is made up for, so that the time does not tell whose
    hash there is. Raises PasswordsBusy.
    """
    text = text[: MAXIMUM_LENGTH + 1]
    with _slots.take():
        fits = check_password_hash(stored or _nobody(METHOD), text)
        method = (stored or METHOD).partition("$")[0]
        for _ in range(_cost(METHOD) // max(_cost(method), 1) - 1 if _cost(method) else 0):
            check_password_hash(_nobody(method), text)
    return fits and stored is not None


def renew(stored: str, text: str) -> str | None:
    """Return a hash at today's cost for a password that matches an older one; None when it has that cost already."""
    return None if stored.startswith(f"{METHOD}$") else _hash(text)


def _hash(text: str) -> str:
    with _slots.take():
        return generate_password_hash(text, method=METHOD)


def _cost(method: str) -> int:
    """Return the N of a scrypt method; 0 for what is none."""
    name, _, rest = method.partition(":")
    number = rest.partition(":")[0]
    return int(number) if name == "scrypt" and number.isdecimal() else 0


_nobodys: dict[str, str] = {}


def _nobody(method: str) -> str:
    """Return the hash, by a method, of a password that nobody has."""
    if method not in _nobodys:
        _nobodys[method] = generate_password_hash(secrets.token_hex(), method=method)
    return _nobodys[method]
