"""Where a list goes on: the position that the service wrote, signed, so that nobody makes one up."""

import hashlib

from flask import current_app, g
from itsdangerous import BadSignature, Signer
from marshmallow import validate

from autotag.blueprints.api.fields import Text, TypedWhole
from autotag.blueprints.errors import Problem

PATTERN = r"^[A-Za-z0-9_-]{1,3000}\.[A-Za-z0-9_-]{43}$"
MOST = 200
USUAL = 50


def cursor_field() -> Text:
    """Return the field of a cursor."""
    return Text(
        validate=validate.Regexp(PATTERN, error="This is no cursor. Send next_cursor of the page before."),
        metadata={
            "description": "`next_cursor` of the page before. It goes with the same list in the same order.",
            "pattern": PATTERN,
        },
    )


def limit_field() -> TypedWhole:
    """Return the field of a limit."""
    return TypedWhole(
        load_default=USUAL,
        validate=validate.Range(1, MOST),
        metadata={"description": "How many there are on a page at most."},
    )


def sign_cursor(cursor: str | None, of: str) -> str | None:
    """Sign a position in a list of this instance."""
    return None if cursor is None else _signer(of).sign(cursor).decode()


def read_cursor(signed: str | None, of: str) -> str | None:
    """Return the position. Raises Problem 409 for one of another list, or that somebody changed."""
    if signed is None:
        return None
    try:
        return _signer(of).unsign(signed).decode()
    except BadSignature:
        raise Problem(
            409, "foreign_cursor", "This cursor is of another list or was changed. Begin without one."
        ) from None


def _signer(of: str) -> Signer:
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    salt = f"autotag.cursor/{g.instance.id}/{of}"
    return Signer(keys, salt=salt, digest_method=hashlib.sha256)
