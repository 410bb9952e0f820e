"""How often a token may call: counted by token, and without one by address."""

import hashlib

from autotag.blueprints.api import blueprint
from autotag.blueprints.bearer import sent_token
from autotag.extensions import caller_network, limiter

CALLS = "6000 per minute"
"""A hundred a second: more than an import needs, and a loop that went wild ends before others wait for it."""


def caller() -> str:
    """Name the token that calls, whose calls count together wherever they come from."""
    token = sent_token()
    if not token:
        return f"api:{caller_network()}"
    return "api:" + hashlib.sha256(token.encode()).hexdigest()


limiter.shared_limit(CALLS, scope="api", key_func=caller)(blueprint)
