"""A generated password or token on its way to the one page that shows it: encrypted in the session, gone when read."""

import json
import secrets
from dataclasses import dataclass

from flask import g, session

from autotag.blueprints.services import services
from autotag.configuration.context import secret_box
from autotag.configuration.secret_box import SecretUnreadable

PASSWORD = "shown_once"  # noqa: S105 - a name
TOKEN = "token_shown_once"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """Whose password it is, or what the token is for, and what it is."""

    email: str
    password: str


def generate_password() -> str:
    """Return a new password, 96 random bits."""
    return secrets.token_urlsafe(12)


def keep_password(email: str, password: str, key: str = PASSWORD) -> None:
    """Keep a generated password for the next page that shows what is kept under the key."""
    box = secret_box(services().config)
    session[key] = box.seal(json.dumps([email, password]), _place(key))


def take_password(key: str = PASSWORD) -> ShownOnce | None:
    """Return the kept password and forget it, None when there is none."""
    text = session.pop(key, None)
    if not text:
        return None
    try:
        return ShownOnce(*json.loads(secret_box(services().config).open(text, _place(key))))
    except SecretUnreadable:
        return None


def _place(key: str) -> str:
    return f"{key}/{g.instance.id}"
