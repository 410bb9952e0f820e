"""Documents that wait or failed, by reason, from real rows."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from autotag.models import TaggingState
from autotag.models.base import utc_now
from autotag.operations.open_documents import Group, first_items, groups, in_hand
from autotag.tagging.provider_health.circuit_breaker import waiting_code
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

FAILED, QUEUED = TaggingState.FAILED, TaggingState.QUEUED
RUNNING, QUARANTINED = TaggingState.RUNNING, TaggingState.QUARANTINED


def test_documents_are_counted_by_state_and_reason_with_since_when(session: Session, make: Factory) -> None:
    acme = make.instance("acme")
    old = utc_now() - timedelta(hours=3)
    make.document(acme, tagging_state=FAILED, tagging_reason_code="bad", tagging_updated_at=old)
    make.document(acme, tagging_state=FAILED, tagging_reason_code="bad")
    make.document(acme, tagging_state=QUARANTINED, tagging_reason_code="process_died")
    make.document(acme)
    make.document(acme, tagging_state=TaggingState.TAGGED)
    make.document(acme, tagging_state=FAILED, tagging_reason_code="bad", deleted_at=utc_now())
    found = {(group.state, group.code): group for group in groups(session, acme.id)}
    assert {key: group.count for key, group in found.items()} == {
        (FAILED, "bad"): 2,
        (QUARANTINED, "process_died"): 1,
        (QUEUED, ""): 1,
    }
    assert found[FAILED, "bad"].since == old


def test_one_instance_is_asked_for_or_all(session: Session, make: Factory) -> None:
    acme, globex = make.instance("acme"), make.instance("globex")
    for instance in (acme, acme, globex):
        make.document(instance, tagging_state=FAILED, tagging_reason_code="bad")
    assert [(group.instance_id, group.count) for group in groups(session, None)] == [
        (acme.id, 2),
        (globex.id, 1),
    ]
    assert [group.count for group in groups(session, globex.id)] == [1]
    assert groups(session, 4711) == []


def test_what_waits_for_a_provider_or_the_process_waits_for_no_worker() -> None:
    def group(state: TaggingState, code: str) -> Group:
        return Group(1, state, code, 1, utc_now())

    assert group(QUEUED, "process_disabled").waits_for_something_else
    assert group(QUEUED, waiting_code("google-cloud-vision")).waits_for_something_else
    assert not group(QUEUED, "").waits_for_something_else
    assert not group(QUEUED, "process_died").waits_for_something_else
    assert not group(FAILED, "process_disabled").waits_for_something_else


def test_the_documents_that_are_longest_in_a_group_come_first_in_one_statement(
    session: Session, engine: Engine, make: Factory
) -> None:
    acme = make.instance("acme")
    now = utc_now()
    for code in ("bad", "worse"):
        for minutes in (1, 3, 2):
            make.document(
                acme,
                title=f"{code} {minutes}",
                tagging_state=FAILED,
                tagging_reason_code=code,
                tagging_updated_at=now - timedelta(minutes=minutes),
            )
    shown = groups(session, acme.id)
    with counted_statements(engine) as statements:
        items = first_items(session, shown, 2)
    assert len(statements) == 1
    titles = {group.code: [item.title for item in listed] for group, listed in items.items()}
    assert titles == {"bad": ["bad 3", "bad 2"], "worse": ["worse 3", "worse 2"]}
    assert first_items(session, [], 2) == {}


def test_more_groups_than_can_be_shown_are_left_out(session: Session, make: Factory) -> None:
    acme = make.instance("acme")
    for number in range(45):
        make.document(acme, tagging_state=FAILED, tagging_reason_code=f"reason {number}")
    assert len(first_items(session, groups(session, acme.id), 1)) == 40


def test_what_is_in_hand_names_its_claim(session: Session, make: Factory) -> None:
    acme, globex = make.instance("acme"), make.instance("globex")
    make.document(acme, tagging_state=RUNNING, tagging_claim="host.worker-1/ab")
    make.document(globex, tagging_state=RUNNING, tagging_claim="host.worker-2/cd")
    assert [item.claim for item in in_hand(session, acme.id)] == ["host.worker-1/ab"]
    assert len(in_hand(session, None)) == 2


@pytest.mark.sqlite
def test_counting_reads_the_index_alone(session: Session, engine: Engine, make: Factory) -> None:
    """At 100,000 documents that makes the difference between a millisecond and a tenth of a second."""
    acme = make.instance("acme")
    with counted_statements(engine) as statements:
        groups(session, acme.id)
        groups(session, None)
    for statement in statements:
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", (acme.id,) * statement.count("?")
        )
        assert "COVERING INDEX ix_document_attention" in str(plan.all())
