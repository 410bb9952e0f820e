"""Secrets at rest: encrypted with a key that is not in the database, bound to the place they were stored for."""

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
"""The nonce length that AES-GCM is defined for (NIST SP 800-38D, 8.2.1)."""


UNREADABLE = "The stored key cannot be read; enter it again."
"""What a person is told of a secret that cannot be decrypted, wherever it is met."""


class SecretUnreadable(ValueError):
    """A stored secret cannot be decrypted: its key is gone, it is damaged, or it was copied from another place.

    The message is for a person; `detail` says what was found, for whoever looks after the installation.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(UNREADABLE)
        self.detail = detail


class SecretBox:
    """Encrypts with the first key and decrypts with whichever made the text.

    Keys are derived from the installation's secret keys, the current one first, with HKDF-SHA256 (RFC 5869);
    the cipher is AES-256-GCM. A text names its key by four bytes of its hash, and is bound by `place` (entry,
    field, level and instance), so that a copy of it elsewhere does not decrypt.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = {_key_name(key): key for key in map(_derive, secret_keys)}
        self._current = next(iter(self._keys))

    def seal(self, secret: str, place: str) -> str:
        """Encrypt a secret for a place."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, secret.encode(), place.encode())
        return f"{self._current}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, text: str, place: str) -> str:
        """Decrypt what `seal` returned for the same place. Raises SecretUnreadable."""
        # A record may have been damaged or edited by hand: what stands there need not even be text.
        name, _, body = str(text).partition(":")
        key = self._keys.get(name)
        if key is None:
            raise SecretUnreadable("The key that encrypted it is not among the installation's secret keys.")
        try:
            raw = base64.b64decode(body, validate=True)
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except InvalidTag as error:
            raise SecretUnreadable("It is damaged, or was not stored for this place.") from error
        except ValueError as error:
            raise SecretUnreadable("It is damaged: this is nothing that was encrypted here.") from error

    def can_open(self, text: str, place: str) -> bool:
        """Whether `open` would decrypt a text."""
        try:
            self.open(text, place)
        except SecretUnreadable:
            return False
        return True

    def is_current(self, text: str) -> bool:
        """Whether the current key made this text, so that a rotation need not touch it."""
        return str(text).partition(":")[0] == self._current


def _derive(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"autotag configuration secrets").derive(
        secret_key.encode()
    )


def _key_name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]
