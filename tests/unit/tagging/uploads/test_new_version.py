from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from autotag.media.library.library import load_summary
from autotag.media.uploads.intake import ReceivedFile
from autotag.media.uploads.versions import add_version
from autotag.models import (
    AssignmentSource,
    ConfigurationRecord,
    Document,
    Level,
    PredictionSet,
    TagAssignment,
    TaggingAttempt,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import claim
from autotag.tagging.pipeline.outcome import ImageFacts, Outcome, Predictions
from autotag.tagging.pipeline.record_outcome import record
from autotag.tagging.policy import Candidate, decide
from autotag.tagging.uploads.new_version import tag_new_version
from tests.unit.conftest import Factory

NEW = ReceivedFile("new.png", "b" * 64, 20, "image/png")
Configure = Callable[..., None]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def configure(session: Session, acme: VirtualInstance) -> Configure:
    """Says what holds for the instance: whether TensorFlow tags, and whether new versions are tagged again."""

    def configure(*, tensorflow: bool = True, update: bool) -> None:
        entries = {
            "asset-auto-tagging": {"enabled": True, "maximum_number_of_tags": 0, "update_auto_tags": update},
            "tensorflow": {"enabled": tensorflow, "model": "toy", "confidence_threshold": 0.1},
        }
        with unit_of_work(session) as work:
            for entry, values in entries.items():
                work.session.add(
                    ConfigurationRecord(
                        entry=entry,
                        level=Level.INSTANCE,
                        instance_id=acme.id,
                        values=values,
                        version=1,
                        updated_by="test",
                    )
                )

    return configure


@pytest.fixture
def document(make: Factory, acme: VirtualInstance) -> Document:
    document = make.document(
        acme,
        tagging_state=TaggingState.TAGGED,
        tagging_reason="Old.",
        tagging_not_before=utc_now(),
        width=1,
        height=1,
    )
    make.tag(document, "pet")
    make.tag(document, "tabby", source=AssignmentSource.AUTO, confidence=0.9)
    return document


def upload(session: Session, document: Document) -> Document:
    with unit_of_work(session) as work:
        changed = add_version(
            work, NEW, instance_id=document.instance_id, document_id=document.id, user_id=None
        )
        tag_new_version(work, changed)
    return changed


def tags(session: Session, document: Document) -> list[str]:
    return [tag.name for tag in load_summary(session, document.instance_id, document.id).tags]


def test_with_update_auto_tags_on_automatic_tags_go_and_the_document_is_tagged_again(
    session: Session, document: Document, configure: Configure
) -> None:
    configure(update=True)
    changed = upload(session, document)
    assert tags(session, document) == ["pet"]
    assert changed.tagging_requested
    assert (changed.tagging_state, changed.tagging_reason) == (TaggingState.QUEUED, "")
    assert changed.tagging_not_before is None


def test_with_it_off_tags_stay_and_the_document_is_queued_for_its_pictures(
    session: Session, document: Document, configure: Configure
) -> None:
    configure(update=False)
    changed = upload(session, document)
    assert tags(session, document) == ["pet", "tabby"]
    assert not changed.tagging_requested
    assert (changed.tagging_state, changed.has_renditions) == (TaggingState.QUEUED, False)


def test_tags_stay_while_nothing_would_make_new_ones(
    session: Session, document: Document, configure: Configure
) -> None:
    configure(tensorflow=False, update=True)
    changed = upload(session, document)
    assert tags(session, document) == ["pet", "tabby"]
    assert not changed.tagging_requested


def test_what_still_waited_for_another_provider_goes_in_any_case(
    session: Session, document: Document, configure: Configure
) -> None:
    configure(update=False)
    with unit_of_work(session) as work:
        waiting = TaggingAttempt(
            instance_id=document.instance_id,
            document_id=document.id,
            number=1,
            state=TaggingState.QUEUED,
        )
        work.session.add(waiting)
        work.session.flush()
        automatic = work.session.scalars(
            select(TagAssignment).where(TagAssignment.source == AssignmentSource.AUTO)
        ).one()
        automatic.attempt_id = waiting.id
    upload(session, document)
    assert tags(session, document) == ["pet"]


@pytest.mark.parametrize("update", [True, False])
def test_what_a_worker_says_of_the_old_content_is_not_recorded(
    sessions: sessionmaker[Session],
    session: Session,
    make: Factory,
    acme: VirtualInstance,
    configure: Configure,
    update: bool,
) -> None:
    """The version comes while the old picture is in the worker's hand."""
    configure(update=update)
    document = make.document(acme)
    held = claim(sessions, acme.id, document.id, "worker-1")
    assert held is not None
    changed = upload(session, document)
    decisions = decide([Candidate("old cat", 0.9, "tensorflow", "toy", 0.1)], maximum=0)
    outcome = Outcome(
        TaggingState.TAGGED,
        decisions=tuple(decisions),
        predictions=(Predictions("tensorflow", "toy", "v1", "scripted", (("old cat", 0.9),)),),
        facts=ImageFacts(640, 480, "old"),
    )
    assert not record(sessions, held, outcome, "worker-1")
    session.expire_all()
    assert tags(session, document) == []
    assert (changed.width, changed.placeholder, changed.tagging_state) == (None, "", TaggingState.QUEUED)
    assert session.scalars(select(PredictionSet)).all() == []
    again = claim(sessions, acme.id, document.id, "worker-1")
    assert again is not None
    assert (again.sha256, again.attempt) == (NEW.sha256, 1)
