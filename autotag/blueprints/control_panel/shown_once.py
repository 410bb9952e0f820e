"""A generated password on its way to the one page that shows it: encrypted in the session, gone when it was read."""

import json
import secrets
from dataclasses import dataclass

from flask import g, session

from autotag.blueprints.services import services
from autotag.configuration.context import secret_box
from autotag.configuration.secret_box import SecretUnreadable

_KEY = "shown_once"


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """Whose password it is, and what it is."""

    email: str
    password: str


def generate_password() -> str:
    """Return a new password, 96 random bits."""
    return secrets.token_urlsafe(12)


def keep_password(email: str, password: str) -> None:
    """Keep a generated password for the next page."""
    box = secret_box(services().config)
    session[_KEY] = box.seal(json.dumps([email, password]), _place())


def take_password() -> ShownOnce | None:
    """Return the kept password and forget it, None when there is none."""
    text = session.pop(_KEY, None)
    if not text:
        return None
    try:
        return ShownOnce(*json.loads(secret_box(services().config).open(text, _place())))
    except SecretUnreadable:
        return None


def _place() -> str:
    return f"{_KEY}/{g.instance.id}"
