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


class SecretUnreadable(ValueError):
    """A stored secret cannot be decrypted: its key is gone, or it was copied from another place."""


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
        name, _, body = text.partition(":")
        key = self._keys.get(name)
        if key is None:
            raise SecretUnreadable(
                "The key that encrypted this secret is not among the installation's secret keys."
            )
        raw = base64.b64decode(body)
        try:
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except InvalidTag as error:
            raise SecretUnreadable("This secret was not stored for this place.") from error

    def is_current(self, text: str) -> bool:
        """Whether the current key made this text, so that a rotation need not touch it."""
        return text.partition(":")[0] == self._current


def _derive(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"autotag configuration secrets").derive(
        secret_key.encode()
    )


def _key_name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]
