"""A host name becomes a virtual instance: the pure part, without a database."""

import re
from dataclasses import dataclass

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"[0-9a-f]*:[0-9a-f:.]*")


class HostError(Exception):
    """A request's host name cannot be used; the host is in `host`."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class MalformedHost(HostError):
    """The host header is no host name."""


@dataclass(frozen=True, slots=True)
class RequestedHost:
    """What a host header asks for: the name in lower case without port, and its label under the base domain.

    `label` is "" for the base domain itself and None for a name that is not under it (a full host name that
    an administrator may have given to an instance).
    """

    name: str
    label: str | None


def parse_host(header: str, base_domain: str) -> RequestedHost:
    """Read a Host header. Raises MalformedHost when it is empty, too long or no host name.

    Case, port and one trailing dot do not matter. Addresses in figures are names like any other here, so
    that `http://127.0.0.1:8000/` can reach the default instance when the caller allows it.
    """
    # Some letters become ASCII in lower case: the Kelvin sign, which is no k in a host name.
    if not header.isascii():
        raise MalformedHost(header)
    name = header.strip().lower()
    if name.startswith("["):
        address, bracket, rest = name.partition("]")
        if not bracket or not re.fullmatch(r"(:\d{1,5})?", rest) or not _ADDRESS.fullmatch(address[1:]):
            raise MalformedHost(header)
        return RequestedHost(address[1:], None)
    name, colon, port = name.partition(":")
    if colon and not re.fullmatch(r"\d{1,5}", port):
        raise MalformedHost(header)
    name = name.removesuffix(".")
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(part) for part in name.split(".")):
        raise MalformedHost(header)
    base = base_domain.lower()
    if name == base:
        return RequestedHost(name, "")
    if name.endswith("." + base):
        return RequestedHost(name, name.removesuffix("." + base))
    return RequestedHost(name, None)
