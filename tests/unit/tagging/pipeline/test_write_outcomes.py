"""A busy database is waited for, and nothing that was said is lost with it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, PredictionSet, TaggingState
from autotag.tagging.pipeline import write_outcomes
from autotag.tagging.pipeline.claims import Claim, claim_many
from autotag.tagging.pipeline.finish_claims import Finished
from autotag.tagging.pipeline.outcome import Outcome, Predictions
from autotag.tagging.pipeline.write_outcomes import PAUSES, OutcomeWriter
from tests.unit.conftest import Factory

AWAY = OperationalError("UPDATE", {}, Exception("database is locked"))
SAID = Predictions("google-cloud-vision", "m", "1", "", (("cat", 0.9),))


@pytest.fixture
def finished(sessions: sessionmaker[Session], make: Factory) -> list[Finished]:
    acme = make.instance()
    claims: list[Claim] = claim_many(
        sessions, acme.id, [make.document(acme).id for _ in range(3)], "worker-1"
    )
    return [(held, Outcome(TaggingState.NO_TAGS, "no_tags", predictions=(SAID,))) for held in claims]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made, without making them."""
    made: list[float] = []
    monkeypatch.setattr(write_outcomes.time, "sleep", made.append)
    return made


@pytest.fixture
def let_fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    real = write_outcomes.record_many

    def let_fail(times: int) -> None:
        left = [AWAY] * times

        def record(*arguments: Any) -> list[Finished]:
            if left:
                raise left.pop()
            return real(*arguments)

        monkeypatch.setattr(write_outcomes, "record_many", record)

    return let_fail


def states(sessions: sessionmaker[Session]) -> set[TaggingState]:
    with sessions() as session:
        return set(session.scalars(select(Document.tagging_state)))


@pytest.mark.parametrize("times", [1, 2, len(PAUSES)])
def test_a_database_that_is_busy_is_waited_for(
    sessions: sessionmaker[Session],
    finished: list[Finished],
    pauses: list[float],
    let_fail: Callable[[int], None],
    times: int,
) -> None:
    let_fail(times)
    assert OutcomeWriter(sessions, "worker-1").write(finished) == finished
    assert states(sessions) == {TaggingState.NO_TAGS}
    assert pauses == list(PAUSES[:times])


@pytest.mark.usefixtures("pauses")
def test_what_could_not_be_written_at_all_is_written_the_next_time(
    sessions: sessionmaker[Session], finished: list[Finished], let_fail: Callable[[int], None]
) -> None:
    writer = OutcomeWriter(sessions, "worker-1")
    let_fail(len(PAUSES) + 2)
    assert writer.write(finished) == []
    assert states(sessions) == {TaggingState.RUNNING}
    writer.write_rest()
    assert states(sessions) == {TaggingState.NO_TAGS}
    with sessions() as session:
        assert len(session.scalars(select(PredictionSet)).all()) == 3


def test_nothing_is_written_for_nothing(sessions: sessionmaker[Session]) -> None:
    assert OutcomeWriter(sessions, "worker-1").write([]) == []
