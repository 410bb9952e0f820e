"""Which addresses a provider may call: what keeps a configured endpoint from reaching into our own network."""

import re
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from autotag.outbound_http.errors import RequestRefused

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a host for a port. Raises OSError when there are none."""

DEFAULT_PORTS = {"https": 443, "http": 80}

# The characters of RFC 3986, without those that address parsers are known to disagree about.
_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,2048}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME = 253  # RFC 1035, without the final dot

# What is not globally reachable in the IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771).
_REFUSED_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared address of a carrier's network"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)

# The same of the IPv6 registry. Whatever is not in 2000::/3 is refused besides, with a better word where one is.
_REFUSED_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "an unspecified address"),
        ("::1/128", "a loopback address"),
        ("fe80::/10", "a link-local address"),
        ("fc00::/7", "a private address"),
        ("ff00::/8", "a multicast address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
    )
)
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called as far as its text goes; what its host resolves to is checked apart.

    `path` has the query with it. `may_be_private` says that the operator allows this host.
    """

    scheme: str
    host: str
    port: int
    path: str
    may_be_private: bool

    @property
    def authority(self) -> str:
        """The host as the `Host` header has it: an IPv6 address in brackets, the port unless it is usual."""
        host = _bracketed(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, written in one way only."""
        return f"{self.scheme}://{self.authority}{self.path}"


def read_target(url: str, allowed_private_hosts: Collection[str]) -> Target:
    """Return the parts of an address, or raise RequestRefused("address_refused").

    `allowed_private_hosts` holds `host` (any port) or `host:port` in lower case. Only such a host may use
    plain http or a port other than 443. User names, fragments, and hosts in other than ASCII are refused.
    """
    parts = _split(url)
    host = _read_host(parts)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    is_allowed = not {host, _bracketed(host), f"{_bracketed(host)}:{port}"}.isdisjoint(allowed_private_hosts)
    if not is_allowed and parts.scheme != "https":
        raise _refused(host, "only https is used.")
    if not is_allowed and port != DEFAULT_PORTS["https"]:
        raise _refused(host, f"port {port} is not 443, the port of https.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, is_allowed)


def check_addresses(target: Target, addresses: Sequence[str]) -> None:
    """Raise RequestRefused("address_refused") unless every one of the host's IP addresses is public.

    The message does not name the IP address, which is nobody's business outside of our network.
    """
    if target.may_be_private:
        return
    for address in addresses:
        kind = kind_refused(address)
        if kind:
            raise _refused(target.host, f"it leads to {kind}; the operator of the installation can allow it.")


def kind_refused(address: str) -> str | None:
    """Return what kind of address a provider may not call ("a loopback address"), or None for a public one.

    IPv6 addresses that stand for an IPv4 address (mapped, NAT64, 6to4, Teredo) are judged by that.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "an address that cannot be read"
    if isinstance(parsed, IPv4Address):
        return _kind_refused_v4(parsed)
    embedded = _embedded(parsed)
    if embedded:
        return next(filter(None, map(_kind_refused_v4, embedded)), None)
    # The registry's words come first; an address outside of them and of 2000::/3 has no word of its own.
    kind = next((kind for network, kind in _REFUSED_V6 if parsed in network), None)
    return kind or (None if parsed in _GLOBAL_UNICAST_V6 else "a reserved address")


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a host, as the system orders them. Raises OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def authority_of(url: str) -> str:
    """Return `host` or `host:port` of an address in lower case, "" when it has none."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def is_literal(host: str) -> bool:
    """Whether a target's host is an IP address, which needs no resolving."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _split(url: str) -> SplitResult:
    if not _ADDRESS.fullmatch(url):
        raise _unreadable("has characters that are not allowed in a web address; write a host in ASCII")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _unreadable("cannot be read") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise _unreadable("must begin with https:// and a host")
    if "@" in parts.netloc:
        raise _unreadable("must not hold a user name or password")
    if "#" in url:
        raise _unreadable("must not hold a fragment (#)")
    return parts


def _read_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if "[" in parts.netloc:
        try:
            address = IPv6Address(host)
        except AddressValueError:
            raise _unreadable("has no valid IPv6 address") from None
        if address.scope_id:
            raise _unreadable("must not hold an IPv6 zone")
        return address.compressed
    labels = host.split(".")
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise _unreadable("has no valid host name")
    # Resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as IPv4 addresses too; nobody needs them.
    if _NUMBER.fullmatch(labels[-1]) and not is_literal(host):
        raise _refused(host, "it is an unusual spelling of an IP address.")
    return host


def _kind_refused_v4(address: IPv4Address) -> str | None:
    return next((kind for network, kind in _REFUSED_V4 if address in network), None)


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    if address.sixtofour:
        return (address.sixtofour,)
    return address.teredo or ()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refused(host: str, why: str) -> RequestRefused:
    return RequestRefused("address_refused", f"The host {host} is refused: {why}")


def _unreadable(why: str) -> RequestRefused:
    # The text is not repeated: it may hold a password.
    return RequestRefused("address_refused", f"The endpoint's address is refused: it {why}.")
