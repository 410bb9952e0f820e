"""A generated password, token or secret on its way to the one page that shows it: encrypted in the session, gone when
read."""

import json
from dataclasses import dataclass

from flask import g, session

from autotag.blueprints.services import services
from autotag.configuration.context import secret_box
from autotag.configuration.secret_box import SecretUnreadable

PASSWORD = "shown_once"  # noqa: S105 - a name
TOKEN = "token_shown_once"  # noqa: S105 - a name
WEBHOOK = "webhook_shown_once"
RECOVERY_CODES = "recovery_codes_shown_once"


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """Whose password it is, or what the token is for, and what it is."""

    email: str
    password: str


def keep_password(email: str, password: str, key: str = PASSWORD) -> None:
    """Keep a generated password for the next page that shows what is kept under the key."""
    _keep(key, [email, password])


def take_password(key: str = PASSWORD) -> ShownOnce | None:
    """Return the kept password and forget it, None when there is none."""
    kept = _take(key)
    return ShownOnce(*kept) if kept else None


def keep_codes(codes: list[str]) -> None:
    """Keep the recovery codes of the signed-in person for the next page."""
    _keep(RECOVERY_CODES, codes)


def take_codes() -> list[str]:
    """Return the kept recovery codes and forget them, none when there are none."""
    return _take(RECOVERY_CODES)


def keep_secret(webhook_id: int, secret: str) -> None:
    """Keep the secret of a webhook for the next page."""
    _keep(WEBHOOK, [str(webhook_id), secret])


def take_secret(webhook_id: int) -> str:
    """Return the kept secret of a webhook and forget it, "" when there is none."""
    kept = _take(WEBHOOK)
    return kept[1] if kept and kept[0] == str(webhook_id) else ""


def _keep(key: str, texts: list[str]) -> None:
    session[key] = secret_box(services().config).seal(json.dumps(texts), _place(key))


def _take(key: str) -> list[str]:
    text = session.pop(key, None)
    if not text:
        return []
    try:
        kept: list[str] = json.loads(secret_box(services().config).open(text, _place(key)))
    except SecretUnreadable:
        return []
    return kept


def _place(key: str) -> str:
    return f"{key}/{g.instance.id}"
