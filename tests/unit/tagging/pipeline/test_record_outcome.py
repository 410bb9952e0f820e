from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import (
    AssignmentSource,
    Base,
    Document,
    PredictionSet,
    Tag,
    TagAssignment,
    TaggingAttempt,
    TaggingState,
    VirtualInstance,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import Claim, claim
from autotag.tagging.pipeline.outcome import ImageFacts, Outcome, Predictions
from autotag.tagging.pipeline.record_outcome import ensure_tags, record
from autotag.tagging.pipeline.release_claims import release_claims_of
from autotag.tagging.policy import Candidate, decide
from tests.unit.conftest import Factory

PAIRS = (("Cat", 0.9), ("dog", 0.1234567), ("bird", 0.01))


def outcome_of(held: Claim, pairs: tuple[tuple[str, float], ...] = PAIRS, **values: object) -> Outcome:
    """What the pipeline would record: predictions and the decisions on them."""
    candidates = [Candidate(name, score, "tensorflow", "toy", 0.1) for name, score in pairs]
    decisions = decide(candidates, maximum=0, existing=held.existing, rejected=held.rejected)
    given: dict[str, object] = {
        "state": TaggingState.TAGGED,
        "decisions": tuple(decisions),
        "predictions": (Predictions("tensorflow", "toy", "v1", "scripted 1", pairs),),
        "facts": ImageFacts(640, 480, "tiny", {"Camera": "Canon"}),
        "seconds": 0.25,
    }
    return Outcome(**(given | values))  # type: ignore[arg-type]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def held(sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance) -> Claim:
    return take(sessions, make.document(acme))


def take(sessions: sessionmaker[Session], document: Document) -> Claim:
    taken = claim(sessions, document.instance_id, document.id, "worker-1")
    assert taken is not None
    return taken


def tags_of(sessions: sessionmaker[Session], document_id: int) -> list[str]:
    with sessions() as session:
        return list(
            session.scalars(
                select(Tag.name).join(TagAssignment).where(TagAssignment.document_id == document_id)
            )
        )


def everything(sessions: sessionmaker[Session]) -> dict[str, list[tuple[object, ...]]]:
    with sessions() as session:
        return {
            name: [tuple(row) for row in session.execute(select(table).order_by(table.c.id))]
            for name, table in Base.metadata.tables.items()
            if "id" in table.c
        }


def test_tags_are_written_with_their_provenance(sessions: sessionmaker[Session], held: Claim) -> None:
    assert record(sessions, held, outcome_of(held), "worker-1")
    with sessions() as session:
        attempt = session.scalars(select(TaggingAttempt)).one()
        rows = session.execute(select(Tag, TagAssignment).join(TagAssignment).order_by(Tag.name)).all()
    assert [(tag.name, tag.normalized_name) for tag, _ in rows] == [("Cat", "cat"), ("dog", "dog")]
    assert [assignment.confidence for _, assignment in rows] == [0.9, 0.123457]
    for _, assignment in rows:
        assert assignment.source is AssignmentSource.AUTO
        assert (assignment.provider, assignment.model) == ("tensorflow", "toy")
        assert (assignment.attempt_id, assignment.instance_id) == (attempt.id, held.instance_id)


def test_the_document_gets_its_state_and_facts_and_is_let_go(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    record(sessions, held, outcome_of(held, reason_code="why", reason="Because."), "worker-1")
    with sessions() as session:
        document = session.get_one(Document, held.document_id)
        assert document.exif == {"Camera": "Canon"}
    assert document.tagging_state is TaggingState.TAGGED
    assert (document.tagging_reason_code, document.tagging_reason) == ("why", "Because.")
    assert (document.width, document.height, document.placeholder) == (640, 480, "tiny")
    assert (document.tagging_claim, document.tagging_lease_until) == (None, None)


def test_the_attempt_is_written_with_the_outcome(sessions: sessionmaker[Session], held: Claim) -> None:
    record(sessions, held, outcome_of(held, state=TaggingState.FAILED, reason="r" * 900), "worker-1")
    with sessions() as session:
        attempt = session.scalars(select(TaggingAttempt)).one()
    assert (attempt.document_id, attempt.number, attempt.state) == (held.document_id, 1, TaggingState.FAILED)
    assert (attempt.worker, attempt.seconds, attempt.reason) == ("worker-1", 0.25, "r" * 500)


def test_predictions_are_kept_whether_or_not_they_became_tags(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    record(sessions, held, outcome_of(held, state=TaggingState.NO_TAGS, decisions=()), "worker-1")
    with sessions() as session:
        kept = session.scalars(select(PredictionSet)).one()
    assert kept.predictions == [["Cat", 0.9], ["dog", 0.123457], ["bird", 0.01]]
    assert (kept.sha256, kept.provider, kept.model) == (held.sha256, "tensorflow", "toy")
    assert (kept.model_version, kept.runtime) == ("v1", "scripted 1")
    assert tags_of(sessions, held.document_id) == []


def test_the_same_content_again_keeps_one_set_of_predictions(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance
) -> None:
    for _ in range(2):
        held = take(sessions, make.document(acme, sha256="ab" * 32))
        assert record(sessions, held, outcome_of(held), "worker-1")
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(PredictionSet)) == 1


def test_recording_twice_is_harmless(sessions: sessionmaker[Session], held: Claim) -> None:
    record(sessions, held, outcome_of(held), "worker-1")
    before = everything(sessions)
    assert not record(sessions, held, outcome_of(held), "worker-1")
    assert everything(sessions) == before


def lose_to_a_successor(sessions: sessionmaker[Session], held: Claim) -> None:
    release_claims_of(sessions, "worker-1")
    claim(sessions, held.instance_id, held.document_id, "worker-2")


def lose_to_the_queue(sessions: sessionmaker[Session], held: Claim) -> None:
    release_claims_of(sessions, "worker-1")


def lose_to_a_new_version(sessions: sessionmaker[Session], held: Claim) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).values(sha256="new content"))


@pytest.mark.parametrize("lose", [lose_to_a_successor, lose_to_the_queue, lose_to_a_new_version])
def test_a_lost_claim_writes_nothing(sessions: sessionmaker[Session], held: Claim, lose: object) -> None:
    lose(sessions, held)  # type: ignore[operator]
    before = everything(sessions)
    assert not record(sessions, held, outcome_of(held, predictions=()), "worker-1")
    assert everything(sessions) == before


@pytest.mark.parametrize("lose", [lose_to_a_successor, lose_to_the_queue])
def test_what_providers_said_is_kept_also_when_the_claim_was_lost(
    sessions: sessionmaker[Session], held: Claim, lose: object
) -> None:
    """It may have been paid for."""
    lose(sessions, held)  # type: ignore[operator]
    before = everything(sessions)
    assert not record(sessions, held, outcome_of(held), "worker-1")
    after = everything(sessions)
    assert len(after.pop("prediction_set")) == 1
    assert before.pop("prediction_set") == []
    assert after == before
    release_claims_of(sessions, "worker-2")
    again = claim(sessions, held.instance_id, held.document_id, "worker-3")
    assert again is not None
    assert list(again.known) == [("tensorflow", "toy", "v1")]


def test_nothing_is_kept_of_content_that_is_gone(sessions: sessionmaker[Session], held: Claim) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(delete(Document))
    assert not record(sessions, held, outcome_of(held), "worker-1")
    with sessions() as session:
        assert session.scalars(select(PredictionSet)).all() == []


def test_a_claim_is_good_for_its_own_document_only(
    sessions: sessionmaker[Session], held: Claim, make: Factory, acme: VirtualInstance
) -> None:
    other = take(sessions, make.document(acme))
    before = everything(sessions)
    wrong = replace(held, document_id=other.document_id)
    assert not record(sessions, wrong, outcome_of(held, predictions=()), "worker-1")
    assert everything(sessions) == before


def test_a_document_put_back_has_no_attempt_and_waits_until_its_time(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance
) -> None:
    held = take(sessions, make.document(acme, tagging_enqueued_at=utc_now()))
    in_five_minutes = utc_now() + timedelta(minutes=5)
    later = Outcome(TaggingState.QUEUED, "busy", "Later.", not_before=in_five_minutes, counted=False)
    assert record(sessions, held, later, "worker-1")
    with sessions() as session:
        document = session.get_one(Document, held.document_id)
        assert session.scalars(select(TaggingAttempt)).all() == []
    assert (document.tagging_state, document.tagging_enqueued_at) == (TaggingState.QUEUED, None)
    assert (document.tagging_not_before, document.tagging_attempts) == (in_five_minutes, 0)
    assert claim(sessions, held.instance_id, held.document_id, "worker-1") is None


def test_a_document_put_back_without_a_time_can_be_taken_at_once(
    sessions: sessionmaker[Session], held: Claim
) -> None:
    record(sessions, held, Outcome(TaggingState.QUEUED), "worker-1")
    assert claim(sessions, held.instance_id, held.document_id, "worker-1") is not None


def test_an_outcome_without_facts_leaves_the_known_ones(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance
) -> None:
    held = take(sessions, make.document(acme, width=10, height=20, placeholder="old"))
    record(sessions, held, Outcome(TaggingState.FAILED), "worker-1")
    with sessions() as session:
        document = session.get_one(Document, held.document_id)
    assert (document.width, document.height, document.placeholder) == (10, 20, "old")


def test_a_tag_that_exists_is_used_whatever_its_case(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance
) -> None:
    make.tag(make.document(acme), "CAT")
    held = take(sessions, make.document(acme))
    record(sessions, held, outcome_of(held, (("cat", 0.9),)), "worker-1")
    assert tags_of(sessions, held.document_id) == ["CAT"]


def test_tags_are_made_once_and_found_again(session: Session, acme: VirtualInstance) -> None:
    with unit_of_work(session) as work:
        first = ensure_tags(work.session, acme.id, ["Cat", "stra\u00dfe"])
        again = ensure_tags(work.session, acme.id, ["cAT", "STRASSE", "new"])
    assert first.keys() == {"cat", "strasse"}
    assert {name: again[name] for name in first} == first
    assert sorted(session.scalars(select(Tag.name))) == ["Cat", "new", "stra\u00dfe"]


def test_instances_have_tags_of_their_own(session: Session, make: Factory, acme: VirtualInstance) -> None:
    other = make.instance()
    with unit_of_work(session) as work:
        mine = ensure_tags(work.session, acme.id, ["cat"])
        theirs = ensure_tags(work.session, other.id, ["cat"])
    assert mine["cat"] != theirs["cat"]


def test_a_name_that_a_person_took_off_never_returns(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance
) -> None:
    from autotag.models import TagRejection

    document = make.document(acme)
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(TagRejection(instance_id=acme.id, document_id=document.id, normalized_name="cat"))
    held = take(sessions, document)
    record(sessions, held, outcome_of(held), "worker-1")
    assert tags_of(sessions, document.id) == ["dog"]


def test_a_tag_that_came_meanwhile_is_left_as_it_is(
    sessions: sessionmaker[Session], make: Factory, acme: VirtualInstance, held: Claim
) -> None:
    """A person adds the name while the image is examined: theirs it stays."""
    with sessions() as session:
        document = session.get_one(Document, held.document_id)
    make.tag(document, "cat")
    assert record(sessions, held, outcome_of(held, (("Cat", 0.9),)), "worker-1")
    with sessions() as session:
        assignment = session.scalars(select(TagAssignment)).one()
    assert (assignment.source, assignment.confidence) == (AssignmentSource.MANUAL, None)


def test_a_failure_in_the_middle_writes_nothing(
    sessions: sessionmaker[Session], held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autotag.tagging.pipeline import record_outcome

    def fail(*_args: object) -> None:
        raise RuntimeError

    before = everything(sessions)
    monkeypatch.setattr(record_outcome, "_assign", fail)
    with pytest.raises(RuntimeError):
        record(sessions, held, outcome_of(held), "worker-1")
    assert everything(sessions) == before
