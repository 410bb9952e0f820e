"""The audit trail: written in the same transaction as the change it tells of, read newest first."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from autotag.models import AuditEvent

MASK = "\u2022\u2022\u2022\u2022"
"""What stands for a secret: that it was there, never what it was."""

SIGNED_IN = "signed in"
SIGN_IN_FAILED = "sign-in failed"
UNKNOWN_ACCOUNT_TRIED = "unknown account tried"
PASSWORD_REFUSED = "wrong current password"  # noqa: S105 - what happened
SIGNED_OUT = "signed out"
SESSION_ENDED = "session ended"
SIGN_IN_ACTIONS = (
    SIGNED_IN,
    SIGN_IN_FAILED,
    UNKNOWN_ACCOUNT_TRIED,
    PASSWORD_REFUSED,
    SIGNED_OUT,
    SESSION_ENDED,
)
"""What concerns sessions and not settings: many rows, which are kept for a limited time (`sign_ins`)."""


class AuditKind(StrEnum):
    """Which part of the trail is shown."""

    CHANGES = "changes"
    SIGN_INS = "sign-ins"
    ALL = "all"


def audit(
    session: Session,
    instance_id: int | None,
    actor: str,
    action: str,
    subject: str,
    changes: Sequence[Sequence[Any]] = (),
) -> AuditEvent:
    """Note who changed what. `changes` are triples: what, before, after; without an instance it concerns all."""
    event = AuditEvent(
        instance_id=instance_id,
        actor=actor[:254],
        action=action,
        subject=subject[:255],
        changes=[list(change) for change in changes],
    )
    session.add(event)
    session.flush()
    return event


def list_events(
    session: Session,
    instance_id: int,
    *,
    include_installation: bool,
    before_id: int | None,
    kind: AuditKind = AuditKind.ALL,
    limit: int = 50,
) -> list[AuditEvent]:
    """Return an instance's events of a kind, newest first, those before an id; with the installation's if asked."""
    mine = AuditEvent.instance_id == instance_id
    if include_installation:
        mine = or_(mine, AuditEvent.instance_id.is_(None))
    statement = select(AuditEvent).where(mine).order_by(AuditEvent.id.desc()).limit(limit)
    if kind is AuditKind.SIGN_INS:
        statement = statement.where(AuditEvent.action.in_(SIGN_IN_ACTIONS))
    elif kind is AuditKind.CHANGES:
        statement = statement.where(AuditEvent.action.not_in(SIGN_IN_ACTIONS))
    if before_id is not None:
        statement = statement.where(AuditEvent.id < before_id)
    return list(session.scalars(statement))
