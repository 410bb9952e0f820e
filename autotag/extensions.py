"""Flask's extensions: created here without an application, bound in `create_app`."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from flask import request
from flask_compress import Compress
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_talisman import Talisman
from flask_wtf import CSRFProtect
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from autotag.models import Base

IPV6_PREFIX = 64
"""A customer gets at least this much of the address space (RFC 6177), so fewer bits tell nobody apart."""


def caller_network() -> str:
    """Name whose calls count together: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return request.remote_addr or "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, IPV6_PREFIX), strict=False))


def rate_limit_storage(broker_url: str, connection_pool: Any) -> dict[str, Any]:
    """Return the settings with which limits are counted in the broker, over the connections that there are."""
    scheme = broker_url.partition(":")[0]
    return {
        # The URL chooses the kind of storage; the address is the one of the connections.
        "RATELIMIT_STORAGE_URI": broker_url.replace("unix://", "redis+unix://", 1)
        if scheme == "unix"
        else broker_url,
        "RATELIMIT_STORAGE_OPTIONS": {"connection_pool": connection_pool},
        "RATELIMIT_KEY_PREFIX": "autotag",
    }


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
csrf = CSRFProtect()
login_manager = LoginManager()
# When the broker goes away, one request finds out and counts in memory from then on. Those beside it must not fail.
limiter = Limiter(caller_network, swallow_errors=True)
counts_in_memory = FixedWindowRateLimiter(MemoryStorage())
"""Where `is_within` counts while the broker is away."""


def is_within(limit: RateLimitItem, *identifiers: str) -> bool:
    """Count one more, and return whether the limit still allows it. In memory while the broker is away."""
    try:
        return limiter.limiter.hit(limit, *identifiers)
    except (RedisError, StorageError):
        return counts_in_memory.hit(limit, *identifiers)


talisman = Talisman()
compress = Compress()
