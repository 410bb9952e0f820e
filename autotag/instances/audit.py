"""The audit trail: written in the same transaction as the change it tells of, read newest first."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from autotag.models import AuditEvent

MASK = "\u2022\u2022\u2022\u2022"
"""What stands for a secret: that it was there, never what it was."""


def audit(
    session: Session,
    instance_id: int | None,
    actor: str,
    action: str,
    subject: str,
    changes: Sequence[Sequence[Any]] = (),
) -> None:
    """Note who changed what. `changes` are triples: what, before, after; without an instance it concerns all."""
    session.add(
        AuditEvent(
            instance_id=instance_id,
            actor=actor[:254],
            action=action,
            subject=subject[:255],
            changes=[list(change) for change in changes],
        )
    )
    session.flush()


def list_events(
    session: Session, instance_id: int, *, include_installation: bool, before_id: int | None, limit: int = 50
) -> list[AuditEvent]:
    """Return an instance's events, newest first, those before an id; with those of the installation if asked."""
    mine = AuditEvent.instance_id == instance_id
    if include_installation:
        mine = or_(mine, AuditEvent.instance_id.is_(None))
    statement = select(AuditEvent).where(mine).order_by(AuditEvent.id.desc()).limit(limit)
    if before_id is not None:
        statement = statement.where(AuditEvent.id < before_id)
    return list(session.scalars(statement))
