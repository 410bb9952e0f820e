"""Between the right password and the code: who is signing in, in the signed cookie, for a few minutes."""

import hashlib
import time

from flask import g
from flask import session as cookie

from autotag.extensions import db
from autotag.instances.people import UserNotFound, load_user
from autotag.instances.second_factor import has_second_factor
from autotag.models import User

PENDING = "signing_in"
MINUTES = 10
ATTEMPTS = "5 per minute; 20 per hour"
"""Three of a million codes are right at any time: whoever knows the password guesses one in some twenty years."""


def begin(user: User) -> None:
    """Note that this browser gave the person's password; whatever the cookie held before is dropped."""
    cookie.clear()
    cookie[PENDING] = [user.id, int(time.time()), _fingerprint(user)]


def pending_user() -> User | None:
    """Return who gave the right password in this browser a moment ago; None when it is no longer so."""
    try:
        user_id, since, fingerprint = cookie.get(PENDING) or (0, 0, "")
        user = load_user(db.session(), g.instance.id, user_id)
    except (UserNotFound, ValueError):
        return None
    is_late = not 0 <= time.time() - since <= MINUTES * 60
    if is_late or not user.is_active or not has_second_factor(user) or fingerprint != _fingerprint(user):
        return None
    return user


def attempted_account() -> str:
    """Name the account whose code is being tried, so that guesses from many addresses count together."""
    user_id = (cookie.get(PENDING) or [0])[0]
    return f"code:{g.instance.id}:{user_id}"


def _fingerprint(user: User) -> str:
    """Return what changes with the password, so that a new one ends what the old one began."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]
