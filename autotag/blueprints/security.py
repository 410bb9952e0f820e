"""Response headers that keep a browser from doing what the product never asks for."""

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from autotag.extensions import talisman

CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
STATIC_ENDPOINTS = frozenset({"static", "bootstrap.static", "favicon_static"})
FOREVER_SECONDS = 365 * 24 * 60 * 60


def init_app(app: Flask) -> None:
    """Add the headers. HTTPS is the business of the server in front, which knows whether there is any."""
    talisman.init_app(
        app,
        force_https=False,
        session_cookie_secure=False,
        strict_transport_security=False,
        frame_options="DENY",
        referrer_policy="same-origin",
        content_security_policy=CONTENT_SECURITY_POLICY,
    )
    app.after_request(_cache)


def believe_proxies(app: Flask, number: int) -> None:
    """Take the address of whoever asks, and whether by HTTPS, from what this many servers in front say.

    Else all people would have the address of the server in front, and its limits of sign-ins in common. The host is
    not taken from them: they pass on the Host header itself.
    """
    if number:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=number, x_proto=number, x_host=0)  # type: ignore[method-assign]  # Flask's way to wrap


def _cache(response: Response) -> Response:
    """Let static files with a fingerprint in their address be kept, and others asked for again.

    Nothing else is kept, be it a page, an uploaded file or a copy of one, except pictures that say so themselves.
    """
    if request.endpoint in STATIC_ENDPOINTS:
        if "v" in request.args:
            response.cache_control.no_cache = None
            response.cache_control.public = True
            response.cache_control.max_age = FOREVER_SECONDS
            response.cache_control.immutable = True
        else:
            response.cache_control.no_cache = True
    elif not response.cache_control.immutable:
        response.headers["Cache-Control"] = "private, no-store"
    return response
