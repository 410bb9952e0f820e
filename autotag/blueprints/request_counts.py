"""Counting requests: by endpoint and not by address, so that there are as many series as there are views."""

from autotag.metrics.counters import Ledger

REQUESTS = "requests"
REQUEST_SECONDS = "request_seconds"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ENDPOINT = "none"


def note_request(ledger: Ledger, endpoint: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request and how long it took. An address that no view has is `none`, a method of nobody's `other`."""
    where, how = endpoint or NO_ENDPOINT, method if method in METHODS else "other"
    ledger.add(REQUESTS, where, how, str(status))
    ledger.observe(REQUEST_SECONDS, seconds, where, how)
