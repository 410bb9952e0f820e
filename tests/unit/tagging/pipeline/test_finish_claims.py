from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import claim, claim_many
from autotag.tagging.pipeline.finish_claims import close_claims
from autotag.tagging.pipeline.outcome import ImageFacts, Outcome
from tests.unit.conftest import Factory


def test_outcomes_of_every_kind_are_written_together_each_for_its_own_document(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    acme = make.instance("acme")
    ids = [make.document(acme).id for _ in range(5)]
    claims = claim_many(sessions, acme.id, ids, "worker-1")
    later = utc_now() + timedelta(minutes=5)
    outcomes = [
        Outcome(TaggingState.NO_TAGS, "no_tags", facts=ImageFacts(1, 2, "one", {})),
        Outcome(TaggingState.TAGGED, facts=ImageFacts(3, 4, "two", {"Camera": "Nikon"})),
        Outcome(TaggingState.FAILED, "unreadable_image", "It is damaged."),
        Outcome(TaggingState.QUEUED, "waits", "It waits.", not_before=later, counted=False),
        Outcome(TaggingState.QUEUED, "process_died", "It died.", crashed=True),
    ]
    finished = list(zip(claims, outcomes, strict=True))
    with sessions() as session, unit_of_work(session) as work:
        assert close_claims(work.session, finished, utc_now()) == finished
    with sessions() as session:
        documents = [session.get_one(Document, document_id) for document_id in ids]
        assert [document.tagging_state for document in documents] == [outcome.state for outcome in outcomes]
        assert [document.tagging_reason_code for document in documents] == [
            outcome.reason_code for outcome in outcomes
        ]
        assert [document.width for document in documents] == [1, 3, None, None, None]
        assert [document.exif for document in documents[:2]] == [{}, {"Camera": "Nikon"}]
        assert [document.tagging_attempts for document in documents] == [1, 1, 1, 0, 1]
        assert [document.tagging_crashes for document in documents] == [0, 0, 0, 0, 1]
        assert [document.tagging_not_before for document in documents] == [None, None, None, later, None]
        assert {document.tagging_claim for document in documents} == {None}


def test_a_claim_that_was_lost_costs_the_others_nothing(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    acme = make.instance("acme")
    ids = [make.document(acme).id for _ in range(3)]
    claims = claim_many(sessions, acme.id, ids, "worker-1")
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).where(Document.id == ids[1]).values(tagging_claim="another"))
    finished = [(held, Outcome(TaggingState.NO_TAGS)) for held in claims]
    with sessions() as session, unit_of_work(session) as work:
        assert close_claims(work.session, finished, utc_now()) == [finished[0], finished[2]]
        assert close_claims(work.session, [], utc_now()) == []
    with sessions() as session:
        states = [session.get_one(Document, document_id).tagging_state for document_id in ids]
    assert states == [TaggingState.NO_TAGS, TaggingState.RUNNING, TaggingState.NO_TAGS]


@pytest.mark.parametrize(
    ("outcome", "crashes", "worker_deaths"),
    [
        (Outcome(TaggingState.TAGGED), 0, 0),
        (Outcome(TaggingState.NO_TAGS), 0, 0),
        (Outcome(TaggingState.SKIPPED), 0, 0),
        (Outcome(TaggingState.FAILED), 0, 0),
        (Outcome(TaggingState.QUEUED, "process_died", crashed=True), 2, 0),
        (Outcome(TaggingState.QUARANTINED, "process_died", crashed=True), 2, 0),
        (Outcome(TaggingState.QUEUED, "waiting_for_google"), 1, 0),
        (Outcome(TaggingState.QUEUED, "process_disabled", counted=False), 1, 2),
    ],
    ids=lambda value: f"{value.state}-{value.reason_code}" if isinstance(value, Outcome) else str(value),
)
def test_deaths_are_counted_apart_and_forgotten_when_they_are_disproved(
    sessions: sessionmaker[Session], make: Factory, outcome: Outcome, crashes: int, worker_deaths: int
) -> None:
    document = make.document(make.instance(), tagging_crashes=1, tagging_worker_deaths=2)
    held = claim(sessions, document.instance_id, document.id, "worker-1")
    assert held is not None
    with sessions() as session, unit_of_work(session) as work:
        assert close_claims(work.session, [(held, outcome)], utc_now())
    with sessions() as session:
        found = session.get_one(Document, document.id)
    assert (found.tagging_crashes, found.tagging_worker_deaths) == (crashes, worker_deaths)
