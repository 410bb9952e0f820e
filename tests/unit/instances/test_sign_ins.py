from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances import sign_ins
from autotag.instances.audit import SIGN_IN_FAILED, SIGNED_IN, UNKNOWN_ACCOUNT_TRIED, audit
from autotag.instances.sign_ins import forget_old_sign_ins, note_failed_sign_in, note_sign_in_event
from autotag.models import AuditEvent, User
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from tests.unit.conftest import Factory

ORIGIN = {"address": "203.0.113.7", "browser": "Firefox on Linux"}


@pytest.fixture
def ann(make: Factory) -> User:
    return make.user(make.instance(), email="ann@example.test")


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_a_sign_in_stands_in_the_trail_with_address_and_browser(session: Session, ann: User) -> None:
    with unit_of_work(session) as work:
        note_sign_in_event(work, ann, SIGNED_IN, **ORIGIN)
    event = session.scalars(select(AuditEvent)).one()
    assert (event.instance_id, event.actor, event.action, event.subject) == (
        ann.instance_id,
        ann.email,
        SIGNED_IN,
        ann.email,
    )
    assert event.changes == [["Address", "", "203.0.113.7"], ["Browser", "", "Firefox on Linux"]]


def test_a_failed_one_names_the_account_only_if_there_is_one(session: Session, ann: User) -> None:
    with unit_of_work(session) as work:
        note_failed_sign_in(work, ann.instance_id, ann, **ORIGIN)
        note_failed_sign_in(work, ann.instance_id, None, **ORIGIN)
    known, unknown = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
    assert (known.action, known.subject) == (SIGN_IN_FAILED, ann.email)
    assert (unknown.action, unknown.subject) == (UNKNOWN_ACCOUNT_TRIED, "")


def test_sign_ins_go_after_their_time_and_changes_stay(
    sessions: sessionmaker[Session], session: Session, ann: User
) -> None:
    with unit_of_work(session) as work:
        audit(work.session, ann.instance_id, "eva", "user created", "old")
        note_sign_in_event(work, ann, SIGNED_IN, **ORIGIN)
        work.session.execute(
            update(AuditEvent).values(created_at=utc_now() - sign_ins.KEPT_FOR - timedelta(seconds=1))
        )
        note_failed_sign_in(work, ann.instance_id, ann, **ORIGIN)
    forget_old_sign_ins(sessions)
    assert actions(session) == ["user created", SIGN_IN_FAILED]


def test_many_failed_ones_push_out_each_other_and_nothing_else(
    session: Session, ann: User, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "KEPT_AT_MOST", 10)
    other = make.user(make.instance())
    with unit_of_work(session) as work:
        note_sign_in_event(work, ann, SIGNED_IN, **ORIGIN)
        audit(work.session, ann.instance_id, "eva", "user created", "x")
        note_failed_sign_in(work, other.instance_id, other, **ORIGIN)
        for _ in range(3 * sign_ins.TRIMMED_EVERY):
            note_failed_sign_in(work, ann.instance_id, ann, **ORIGIN)
    kept = dict(
        session.execute(
            select(AuditEvent.action, func.count())
            .where(AuditEvent.instance_id == ann.instance_id)
            .group_by(AuditEvent.action)
        ).all()
    )
    assert (kept[SIGNED_IN], kept["user created"]) == (1, 1)
    assert 10 <= kept[SIGN_IN_FAILED] <= 10 + sign_ins.TRIMMED_EVERY
    theirs = select(func.count()).where(AuditEvent.instance_id == other.instance_id)
    assert session.scalar(theirs) == 1
