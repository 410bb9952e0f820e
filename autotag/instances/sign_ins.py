"""Sign-ins in the audit trail: noted with their address, and kept for a limited time and number.

What a failed sign-in costs must not tell whether there is an account. So one for an unknown account is noted as well,
by the same statements, but without what was typed: that may have been a password.
"""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.audit import (
    SIGN_IN_ACTIONS,
    SIGN_IN_FAILED,
    UNKNOWN_ACCOUNT_TRIED,
    audit,
)
from autotag.models import AuditEvent, User
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork, unit_of_work

KEPT_FOR = timedelta(days=90)
KEPT_AT_MOST = 5000
"""Rows of one instance and one action; failed ones cannot push out the others."""
TRIMMED_EVERY = 50
"""How many rows may be added, of the whole installation, before an instance's rows are counted again."""


def note_sign_in_event(work: UnitOfWork, user: User, action: str, *, address: str, browser: str) -> None:
    """Note what somebody did about their own session."""
    _note(work.session, user.instance_id, user.email, action, user.email, address, browser)


def note_failed_sign_in(
    work: UnitOfWork, instance_id: int, user: User | None, *, address: str, browser: str
) -> None:
    """Note a sign-in that was refused; `user` is whose address was given, None when it is nobody's."""
    if user is None:
        _note(work.session, instance_id, "unknown", UNKNOWN_ACCOUNT_TRIED, "", address, browser)
    else:
        _note(work.session, instance_id, "unknown", SIGN_IN_FAILED, user.email, address, browser)


def forget_old_sign_ins(sessions: sessionmaker[Session]) -> None:
    """Remove sign-ins that are older than KEPT_FOR, of all instances."""
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(
            delete(AuditEvent).where(
                AuditEvent.action.in_(SIGN_IN_ACTIONS), AuditEvent.created_at < utc_now() - KEPT_FOR
            )
        )


def _note(
    session: Session, instance_id: int, actor: str, action: str, subject: str, address: str, browser: str
) -> None:
    event = audit(
        session, instance_id, actor, action, subject, [["Address", "", address], ["Browser", "", browser]]
    )
    if event.id % TRIMMED_EVERY == 0:
        _trim(session, instance_id, action)


def _trim(session: Session, instance_id: int, action: str) -> None:
    same = (AuditEvent.instance_id == instance_id, AuditEvent.action == action)
    newest = select(AuditEvent.id).where(*same).order_by(AuditEvent.id.desc())
    surplus = session.scalar(newest.offset(KEPT_AT_MOST).limit(1))
    if surplus is not None:
        session.execute(delete(AuditEvent).where(*same, AuditEvent.id <= surplus))
