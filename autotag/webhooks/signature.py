"""The signature of a webhook's body: HMAC-SHA256 over time, a dot and the body, so that neither can be changed."""

import hashlib
import hmac
import secrets

SIGNATURE_HEADER = "Autotag-Signature"


def generate_secret() -> str:
    """Return a new secret, 256 random bits."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """Return the header's value; `timestamp` is in seconds since 1970, in UTC."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={signed}"
