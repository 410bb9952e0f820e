"""Trying again: one document, or all that failed for a reason; a run with the selection alone."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.store import Place
from autotag.media.errors import DocumentNotFound
from autotag.models import (
    AuditEvent,
    ConfigurationRecord,
    Document,
    RunScope,
    TaggingRun,
    TaggingRunItem,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.runs.retry import NothingToRetry, Requester, retry_document, retry_reason
from tests.unit.conftest import Factory

FAILED, QUARANTINED = TaggingState.FAILED, TaggingState.QUARANTINED
Act = Callable[[Callable[[UnitOfWork], TaggingRun]], TaggingRun]


@pytest.fixture
def acme(make: Factory, sessions: sessionmaker[Session]) -> VirtualInstance:
    """An instance in which TensorFlow tags."""
    instance = make.instance("acme")
    place = Place.of(TENSORFLOW, instance.id)
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(
            ConfigurationRecord(
                entry=place.entry.key,
                level=place.level,
                instance_id=instance.id,
                values=TENSORFLOW.defaults | {"enabled": True},
                version=1,
                updated_at=utc_now(),
                updated_by="the tests",
            )
        )
    return instance


@pytest.fixture
def me(make: Factory, acme: VirtualInstance) -> Requester:
    user = make.user(acme)
    return Requester(user.email, user.id)


@pytest.fixture
def act(sessions: sessionmaker[Session]) -> Act:
    def act(what: Callable[[UnitOfWork], TaggingRun]) -> TaggingRun:
        with sessions() as session, unit_of_work(session) as work:
            return what(work)

    return act


def covered(session: Session, run: TaggingRun) -> set[int]:
    return set(session.scalars(select(TaggingRunItem.document_id).where(TaggingRunItem.run_id == run.id)))


def test_one_failed_document_is_tried_again_in_a_run(
    session: Session, make: Factory, acme: VirtualInstance, me: Requester, act: Act
) -> None:
    document = make.document(
        acme, title="Letter", tagging_state=FAILED, tagging_reason_code="truncated_image"
    )
    run = act(lambda work: retry_document(work, acme.id, document.id, me))
    assert (run.scope, run.covers, run.total) == (RunScope.SELECTION, "Retry of Letter", 1)
    assert run.created_by_id == me.user_id
    assert covered(session, run) == {document.id}
    assert session.scalars(select(Document.tagging_state)).all() == [TaggingState.QUEUED]
    assert session.scalars(select(AuditEvent)).all() == []


def test_a_quarantined_document_gets_its_deaths_forgotten(
    session: Session, make: Factory, acme: VirtualInstance, me: Requester, act: Act
) -> None:
    deaths = {"tagging_crashes": 2, "tagging_worker_deaths": 1}
    document = make.document(acme, tagging_state=QUARANTINED, **deaths)
    other = make.document(acme, tagging_state=QUARANTINED, **deaths)
    act(lambda work: retry_document(work, acme.id, document.id, me))
    columns = (Document.id, Document.tagging_crashes, Document.tagging_worker_deaths)
    assert set(session.execute(select(*columns)).all()) == {(document.id, 0, 0), (other.id, 2, 1)}


def test_all_that_failed_for_a_reason_are_tried_again_and_no_others(
    session: Session, make: Factory, acme: VirtualInstance, me: Requester, act: Act
) -> None:
    wanted = [make.document(acme, tagging_state=FAILED, tagging_reason_code="timed_out") for _ in range(3)]
    make.document(acme, tagging_state=FAILED, tagging_reason_code="bad_image")
    make.document(acme, tagging_state=TaggingState.TAGGED, tagging_reason_code="timed_out")
    make.document(acme, tagging_state=FAILED, tagging_reason_code="timed_out", deleted_at=utc_now())
    make.document(make.instance(), tagging_state=FAILED, tagging_reason_code="timed_out")
    run = act(lambda work: retry_reason(work, acme.id, FAILED, "timed_out", me))
    assert covered(session, run) == {document.id for document in wanted}
    assert run.covers == "Retry: failed, timed out"


def test_what_is_not_failed_any_more_is_left_alone(
    session: Session, make: Factory, acme: VirtualInstance, me: Requester, act: Act
) -> None:
    document = make.document(acme, tagging_state=TaggingState.TAGGED, tagging_crashes=1)
    with pytest.raises(NothingToRetry):
        act(lambda work: retry_document(work, acme.id, document.id, me))
    for state, code in ((FAILED, "timed_out"), (TaggingState.TAGGED, ""), (FAILED, "not_an_image")):
        with pytest.raises(NothingToRetry):
            act(lambda work, state=state, code=code: retry_reason(work, acme.id, state, code, me))
    assert session.scalars(select(TaggingRun)).all() == []


def test_another_instances_document_is_not_found(
    make: Factory, acme: VirtualInstance, me: Requester, act: Act
) -> None:
    theirs = make.document(make.instance(), tagging_state=FAILED)
    binned = make.document(acme, tagging_state=FAILED, deleted_at=utc_now())
    for document_id in (theirs.id, binned.id, 4711):
        with pytest.raises(DocumentNotFound):
            act(lambda work, key=document_id: retry_document(work, acme.id, key, me))


def test_somebody_of_another_instance_is_named_in_the_audit_trail(
    session: Session, make: Factory, acme: VirtualInstance, act: Act
) -> None:
    document = make.document(acme, title="Letter", tagging_state=FAILED)
    stranger = Requester("root@example.test", None)
    run = act(lambda work: retry_document(work, acme.id, document.id, stranger))
    assert run.created_by_id is None
    (event,) = session.scalars(select(AuditEvent))
    assert (event.instance_id, event.actor, event.action) == (acme.id, "root@example.test", "tagging retried")
