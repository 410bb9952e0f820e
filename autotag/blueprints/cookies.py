"""The session cookie: bound to the host it was made for, and under HTTPS sent over HTTPS only."""

import hashlib

from flask import Flask, has_request_context, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from autotag.instances.hosts import MalformedHost, parse_host

HOST_PREFIX = "__Host-"
"""A browser takes a cookie with this prefix over HTTPS only, without a domain and for all paths (RFC 6265bis, 4.1.3.2).

So no neighbouring subdomain can set it. Plain HTTP, which `make run` serves on localhost, cannot use the prefix.
"""


class HostBoundSessions(SecureCookieSessionInterface):
    """Flask's signed cookie with a signature that also covers the host name.

    A cookie that somebody copies to another host of the installation has a wrong signature there and counts for
    nothing. The session's row names its instance as well, in case a host name is given to another instance.
    """

    digest_method = staticmethod(hashlib.sha256)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs the cookies of this request's host."""
        return self.serializer_for(app, request.host)

    def serializer_for(self, app: Flask, host: str) -> URLSafeTimedSerializer:
        """Return what signs the cookies of a host; its port and its case do not matter."""
        keys = [*app.config["SECRET_KEY_FALLBACKS"], app.config["SECRET_KEY"]]
        return URLSafeTimedSerializer(
            keys,
            salt=f"{self.salt}:{_host_name(host)}",
            serializer=self.serializer,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name for this request, with the prefix under HTTPS."""
        name = super().get_cookie_name(app)
        return HOST_PREFIX + name if _is_secure() else name

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask names it
        """Return whether the browser may send the cookie over HTTPS only."""
        return _is_secure()


def _is_secure() -> bool:
    return has_request_context() and request.is_secure


def _host_name(host: str) -> str:
    try:
        return parse_host(host, "").name
    except MalformedHost:
        return ""
