"""Tokens with which programs call the API: made by a person for themselves, shown once, revoked at any time."""

import hashlib
import re
import secrets
import unicodedata
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from autotag.instances.audit import audit
from autotag.models import ApiToken, Role, User
from autotag.models.base import utc_now
from autotag.models.names import normalize
from autotag.models.unit_of_work import UnitOfWork

PREFIX = "autotag_"
"""What every token begins with, so that scanners of leaked secrets know one."""

RANDOM_BYTES = 32
ENDING = 4
NAME_LENGTH = 100
LONGEST_DAYS = 365
"""How long a token is good where no setting says otherwise."""

MOST_TOKENS = 100
"""Tokens that one person may have."""

NOTED_AFTER = timedelta(minutes=1)
"""How long a use stays unnoted after the last one: a program that calls all the time must not write all the time."""


class TokenError(Exception):
    """A token cannot be made as asked; `field` names what is wrong, the message says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class TokenNotFound(LookupError):
    """No such token of this person."""


def create_token(
    work: UnitOfWork,
    user: User,
    *,
    name: str,
    role: Role | None = None,
    days: int | None = None,
    longest: int = LONGEST_DAYS,
    actor: str,
) -> tuple[ApiToken, str]:
    """Make a token for a person; return its row, and the token itself, which nobody can read again.

    Without a role it may do what the person may. It expires after `days`, by default and at most after `longest`.
    Raises TokenError for a name or a number of days that cannot be used, for a role above the person's, and when
    there are too many.
    """
    # Two who make the last token that is allowed would both find room for it.
    work.session.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))
    wanted = role or user.role
    if not user.role.includes(wanted):
        raise TokenError("role", f"{user.email} has the role {user.role}; a token cannot have more.")
    if days is not None and not 1 <= days <= longest:
        raise TokenError("days", f"Enter a number of days from 1 to {longest}.")
    if len(list_tokens(work.session, user)) >= MOST_TOKENS:
        raise TokenError("name", f"There are {MOST_TOKENS} tokens already. Revoke those that nobody uses.")
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    row = ApiToken(
        instance_id=user.instance_id,
        user_id=user.id,
        name=_clean_name(name),
        role=wanted,
        token_sha256=_fingerprint(token),
        ending=token[-ENDING:],
        expires_at=utc_now() + timedelta(days=days or longest),
    )
    work.session.add(row)
    work.session.flush()
    audit(work.session, user.instance_id, actor, "API token created", user.email, [["Token", "", _said(row)]])
    return row, token


def list_tokens(session: Session, user: User) -> list[ApiToken]:
    """Return a person's tokens, expired ones too, newest first."""
    return list(
        session.scalars(
            select(ApiToken)
            .where(ApiToken.instance_id == user.instance_id, ApiToken.user_id == user.id)
            .order_by(ApiToken.id.desc())
        )
    )


def list_all_tokens(session: Session, instance_id: int) -> list[ApiToken]:
    """Return the tokens of everybody in an instance with their people, newest first."""
    return list(
        session.scalars(
            select(ApiToken)
            .where(ApiToken.instance_id == instance_id)
            .options(joinedload(ApiToken.user))
            .order_by(ApiToken.id.desc())
        )
    )


def revoke_token(work: UnitOfWork, user: User, token_id: int, *, actor: str) -> ApiToken:
    """End one of a person's tokens at once. Raises TokenNotFound when it is another person's or gone."""
    return _revoke(work, user.instance_id, user.id, token_id, actor)


def revoke_any_token(work: UnitOfWork, instance_id: int, token_id: int, *, actor: str) -> ApiToken:
    """End a token of anybody in an instance. Raises TokenNotFound, for another instance's token as well."""
    return _revoke(work, instance_id, None, token_id, actor)


def revoke_all_tokens(work: UnitOfWork, user: User, *, actor: str) -> int:
    """End all tokens of a person at once; return how many there were."""
    rows = list_tokens(work.session, user)
    if rows:
        changes = [["Token", _said(row), ""] for row in rows]
        audit(work.session, user.instance_id, actor, "API tokens revoked", user.email, changes)
    for row in rows:
        work.session.delete(row)
    work.session.flush()
    return len(rows)


def load_token(session: Session, instance_id: int, token: str) -> ApiToken | None:
    """Return the live token of an active person of this instance with the person, or None.

    The instance is the one whose host was asked, which is active; so a token means nothing anywhere else.
    """
    found = session.scalar(
        select(ApiToken)
        .where(ApiToken.instance_id == instance_id, ApiToken.token_sha256 == _fingerprint(token))
        .options(joinedload(ApiToken.user))
    )
    if found is None or not found.user.is_active or is_expired(found):
        return None
    return found


def is_expired(token: ApiToken) -> bool:
    """Whether a token's time is over."""
    return token.expires_at <= utc_now()


def may(token: ApiToken, role: Role) -> bool:
    """Whether a token opens what asks for a role: its own must, and its person's must still."""
    return token.role.includes(role) and token.user.role.includes(role)


def needs_note(token: ApiToken) -> bool:
    """Whether its use is to be noted: the first one, then one a minute."""
    return token.last_used_at is None or utc_now() - token.last_used_at > NOTED_AFTER


def note_use(work: UnitOfWork, token: ApiToken) -> None:
    """Note that a token is in use."""
    work.session.execute(
        update(ApiToken)
        .where(ApiToken.id == token.id)
        .values(last_used_at=utc_now())
        .execution_options(synchronize_session=False)
    )


def _revoke(work: UnitOfWork, instance_id: int, user_id: int | None, token_id: int, actor: str) -> ApiToken:
    statement = select(ApiToken).where(ApiToken.instance_id == instance_id, ApiToken.id == token_id)
    if user_id is not None:
        statement = statement.where(ApiToken.user_id == user_id)
    held = statement.options(joinedload(ApiToken.user, innerjoin=True)).with_for_update(of=ApiToken)
    row = work.session.scalar(held.execution_options(populate_existing=True))
    if row is None:
        raise TokenNotFound
    audit(work.session, instance_id, actor, "API token revoked", row.user.email, [["Token", _said(row), ""]])
    work.session.delete(row)
    work.session.flush()
    return row


def _clean_name(name: str) -> str:
    text = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") else letter
        for letter in normalize(name)
    )
    text = re.sub(r"\s+", " ", text).strip()
    if not text:
        raise TokenError("name", "Enter a name that says what the token is for.")
    if len(text) > NAME_LENGTH:
        raise TokenError("name", f"A name has at most {NAME_LENGTH} characters; this one has {len(text)}.")
    return text


def _said(token: ApiToken) -> str:
    return f"{token.name} ({token.role}, until {_day(token.expires_at)})"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _fingerprint(token: str) -> str:
    # Fast is right here: the token is 256 random bits, and no dictionary has those.
    return hashlib.sha256(token.encode()).hexdigest()
