"""What concerns security, in the log and in the audit trail: sign-ins, sign-outs, refused requests.

Each line names `account` (an e-mail address), `user_id`, `address` and, from the request, `instance`.
"""

from contextlib import suppress

import structlog
from flask import g, request
from werkzeug.exceptions import HTTPException

from autotag.blueprints.browsers import browser_name
from autotag.extensions import db
from autotag.instances.audit import PASSWORD_REFUSED, SIGNED_IN, SIGNED_OUT
from autotag.instances.errors import PeopleError
from autotag.instances.people import find_user, normalize_email
from autotag.instances.sign_ins import note_failed_sign_in, note_sign_in_event
from autotag.models import User
from autotag.models.unit_of_work import UnitOfWork, unit_of_work

logger = structlog.stdlib.get_logger(__name__)

REFUSALS = frozenset({401, 403, 429})
"""Statuses of requests that were refused for who sent them, or for how many there were."""


def signed_in(work: UnitOfWork, user: User) -> None:
    """Note that somebody has signed in."""
    note_sign_in_event(work, user, SIGNED_IN, **_origin())
    work.after_commit(lambda: logger.info("signed in", **_who(user)))


def signed_out(work: UnitOfWork, user: User) -> None:
    """Note that somebody has signed out."""
    note_sign_in_event(work, user, SIGNED_OUT, **_origin())
    work.after_commit(lambda: logger.info("signed out", **_who(user)))


def sign_in_failed(email: str) -> None:
    """Note a sign-in that was refused, with what was typed only if it is an account or looks like an address."""
    with unit_of_work(db.session()) as work:
        user = find_user(work.session, g.instance.id, email)
        note_failed_sign_in(work, g.instance.id, user, **_origin())
    logger.warning("sign-in failed", **_who(user, typed=email))


def password_refused(user: User) -> None:
    """Note that somebody who is signed in could not give the account's password."""
    with unit_of_work(db.session()) as work:
        note_sign_in_event(work, user, PASSWORD_REFUSED, **_origin())
    logger.warning("wrong current password", **_who(user))


def request_refused(status: int) -> None:
    """Write the line of a request that was refused."""
    user = getattr(g.get("_login_user"), "user", None)
    typed = ""
    if request.endpoint == "auth.sign_in":
        with suppress(HTTPException):
            typed = request.form.get("email", "")
    logger.warning(
        "request refused",
        status=status,
        method=request.method,
        path=request.path,
        endpoint=request.endpoint,
        **_who(user, typed=typed),
    )


def _who(user: User | None, *, typed: str = "") -> dict[str, object]:
    account = user.email if user is not None else _address_or_nothing(typed)
    return {
        "account": account,
        "user_id": user.id if user is not None else None,
        "address": request.remote_addr or "",
    }


def _address_or_nothing(typed: str) -> str:
    # People type passwords into the wrong field, and no password belongs in a log.
    try:
        return normalize_email(typed)
    except PeopleError:
        return ""


def _origin() -> dict[str, str]:
    return {"address": (request.remote_addr or "")[:64], "browser": browser_name(request.user_agent.string)}
