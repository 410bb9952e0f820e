"""Asking for one's own password once more, before something that a stolen session must not do."""

from flask_login import current_user

ATTEMPTS = "10 per minute"
WRONG_PASSWORD = "This is not your current password."  # noqa: S105 - a sentence


def own_account() -> str:
    """Name the account, so that guesses of its password count together."""
    return f"account:{current_user.user.id}"
