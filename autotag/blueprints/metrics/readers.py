"""Who may read the metrics: programs on this machine, and system administrators."""

from ipaddress import ip_address

from flask import Response, request
from flask_login import current_user

from autotag.blueprints.bearer import find_bearer
from autotag.blueprints.errors import problem
from autotag.blueprints.hooks import find_instance_of_request
from autotag.blueprints.services import services
from autotag.instances.directory import LOOPBACK_NAMES
from autotag.instances.hosts import MalformedHost, parse_host
from autotag.models import Role

FORWARDING = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
"""What a proxy adds: with one of these, the peer is the proxy and not the one who asks."""


def refusal() -> Response | None:
    """Return what to answer instead of the metrics; None for whoever may read them."""
    if is_from_this_machine():
        return None
    find_instance_of_request()
    if current_user.may(Role.SYSTEM_ADMINISTRATOR) or bearer_may_read():
        return None
    if current_user.is_authenticated:
        return problem(403, "forbidden", "Metrics are for system administrators.")
    answer = problem(
        401, "not_signed_in", "Metrics are for system administrators, and for programs on this machine."
    )
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def is_from_this_machine() -> bool:
    """Whether the real peer is on this machine and asks by an address of this machine.

    A request that a proxy passes on is not, though the proxy may be; nor is one with somebody's host name, which a
    page in a browser on this machine could have pointed here.
    """
    if any(name in request.headers for name in FORWARDING):
        return False
    try:
        host = parse_host(request.host, services().config.base_domain)
        peer = ip_address(request.environ.get("REMOTE_ADDR", ""))
    except (MalformedHost, ValueError):
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return (mapped or peer).is_loopback and (host.label == "" or host.name in LOOPBACK_NAMES)


def bearer_may_read() -> bool:
    """Whether the request has a system administrator's API token, of the default instance."""
    bearer = find_bearer()
    return bearer is not None and bearer.may(Role.SYSTEM_ADMINISTRATOR)
