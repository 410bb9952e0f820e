import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import Document, TaggingState, TagRejection
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline.claims import LEASE, claim, claim_many, have_deaths
from autotag.tagging.pipeline.release_claims import release_claims_of, release_expired_claims
from tests.unit.conftest import Factory

CLAIM_ALL = """
import sys
from autotag.models.engine import build_session_factory
from autotag.tagging.pipeline.claims import claim
sessions = build_session_factory(sys.argv[1], durable=False)
instance, last = int(sys.argv[2]), int(sys.argv[3])
print("up", flush=True)
sys.stdin.readline()
print(*[number for number in range(1, last + 1) if claim(sessions, instance, number, sys.argv[4])])
"""


def load(sessions: sessionmaker[Session], document: Document) -> Document:
    with sessions() as session:
        return session.get_one(Document, document.id)


def change(sessions: sessionmaker[Session], document: Document, **values: object) -> None:
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).where(Document.id == document.id).values(**values))


def test_a_queued_document_is_taken_with_all_that_tagging_needs(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    document = make.document(make.instance(), file_name="a.png")
    make.tag(document, "Caf\u00c9")
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(
            TagRejection(instance_id=document.instance_id, document_id=document.id, normalized_name="dog")
        )
    held = claim(sessions, document.instance_id, document.id, "worker-1")
    assert held is not None
    assert (held.instance_id, held.document_id, held.attempt) == (document.instance_id, document.id, 1)
    assert (held.sha256, held.mime_type, held.file_name) == (document.sha256, "image/png", "a.png")
    assert (held.existing, held.rejected) == ({"caf\u00e9"}, {"dog"})
    assert held.token.startswith("worker-1/")


def test_a_claim_marks_the_document_and_sets_a_lease(sessions: sessionmaker[Session], make: Factory) -> None:
    document = make.document(make.instance())
    held = claim(sessions, document.instance_id, document.id, "worker-1")
    assert held is not None
    found = load(sessions, document)
    assert (found.tagging_state, found.tagging_claim) == (TaggingState.RUNNING, held.token)
    assert found.tagging_attempts == 1
    assert found.tagging_lease_until is not None
    assert timedelta(0) < found.tagging_lease_until - utc_now() <= LEASE


def test_each_claim_has_a_token_of_its_own(sessions: sessionmaker[Session], make: Factory) -> None:
    instance = make.instance()
    tokens = {
        held.token
        for _ in range(3)
        if (held := claim(sessions, instance.id, make.document(instance).id, "worker-1"))
    }
    assert len(tokens) == 3


@pytest.mark.parametrize(
    "values",
    [
        *({"tagging_state": state} for state in TaggingState if state is not TaggingState.QUEUED),
        {"deleted_at": utc_now()},
        {"tagging_not_before": utc_now() + timedelta(days=1)},
    ],
    ids=lambda values: str(values.get("tagging_state", next(iter(values)))),
)
def test_what_is_not_waiting_cannot_be_taken(
    sessions: sessionmaker[Session], make: Factory, values: dict[str, object]
) -> None:
    document = make.document(make.instance(), **values)
    assert claim(sessions, document.instance_id, document.id, "worker-1") is None
    assert load(sessions, document).tagging_attempts == 0


def test_what_was_held_back_can_be_taken_when_its_time_has_come(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    document = make.document(make.instance(), tagging_not_before=utc_now() - timedelta(seconds=1))
    assert claim(sessions, document.instance_id, document.id, "worker-1") is not None


def test_a_document_of_another_instance_cannot_be_taken(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    document = make.document(make.instance())
    assert claim(sessions, make.instance().id, document.id, "worker-1") is None
    assert load(sessions, document).tagging_state is TaggingState.QUEUED


def test_a_document_is_taken_once(sessions: sessionmaker[Session], make: Factory) -> None:
    document = make.document(make.instance())
    first = claim(sessions, document.instance_id, document.id, "worker-1")
    assert first is not None
    assert claim(sessions, document.instance_id, document.id, "worker-2") is None


def test_of_processes_that_claim_at_once_exactly_one_wins_each_document(
    sessions: sessionmaker[Session], database_url: str, make: Factory
) -> None:
    instance = make.instance()
    numbers = [make.document(instance).id for _ in range(30)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_ALL, database_url, str(instance.id), str(numbers[-1]), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("worker-1", "worker-2")
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [[int(number) for number in process.communicate()[0].split()] for process in processes]
    assert sorted(won[0] + won[1]) == numbers


def test_a_successor_takes_back_what_its_predecessor_held(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    instance = make.instance()
    mine, other, like = (make.document(instance, tagging_enqueued_at=utc_now()) for _ in range(3))
    claim(sessions, instance.id, mine.id, "host.worker_1")
    claim(sessions, instance.id, other.id, "host.worker_10")
    claim(sessions, instance.id, like.id, "host.workerX1")
    assert release_claims_of(sessions, "host.worker_1") == 1
    found = load(sessions, mine)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUEUED, "worker_died")
    assert (found.tagging_claim, found.tagging_lease_until, found.tagging_enqueued_at) == (None, None, None)
    assert found.tagging_attempts == 1
    for document in (other, like):
        assert load(sessions, document).tagging_state is TaggingState.RUNNING


def test_a_lease_that_ran_out_is_put_back_and_one_that_did_not_is_left(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    instance = make.instance()
    late, busy = make.document(instance), make.document(instance)
    for document in (late, busy):
        claim(sessions, instance.id, document.id, "worker-1")
    change(sessions, late, tagging_lease_until=utc_now() - timedelta(seconds=1))
    assert release_expired_claims(sessions) == 1
    found = load(sessions, late)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUEUED, "worker_overdue")
    assert "did not finish the file in time" in found.tagging_reason
    assert load(sessions, busy).tagging_state is TaggingState.RUNNING


def test_a_lease_of_a_clock_that_was_set_back_since_is_put_back(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    document = make.document(make.instance())
    claim(sessions, document.instance_id, document.id, "worker-1")
    change(sessions, document, tagging_lease_until=utc_now() + timedelta(days=1))
    assert release_expired_claims(sessions) == 1
    assert load(sessions, document).tagging_state is TaggingState.QUEUED


def test_what_was_put_back_can_be_taken_again(sessions: sessionmaker[Session], make: Factory) -> None:
    document = make.document(make.instance())
    claim(sessions, document.instance_id, document.id, "worker-1")
    release_claims_of(sessions, "worker-1")
    again = claim(sessions, document.instance_id, document.id, "worker-1")
    assert again is not None
    assert again.attempt == 2


def test_a_document_that_three_workers_died_on_is_quarantined(
    sessions: sessionmaker[Session], make: Factory
) -> None:
    document = make.document(make.instance())
    for attempt in (1, 2, 3):
        held = claim(sessions, document.instance_id, document.id, "worker-1")
        assert held is not None
        assert held.attempt == attempt
        assert release_claims_of(sessions, "worker-1") == 1
    found = load(sessions, document)
    assert (found.tagging_state, found.tagging_reason_code) == (TaggingState.QUARANTINED, "worker_died")
    assert (found.tagging_claim, found.tagging_lease_until) == (None, None)
    assert "3 times" in found.tagging_reason
    assert (found.tagging_crashes, found.tagging_worker_deaths) == (0, 3)


@pytest.mark.parametrize(
    "deaths", [{"tagging_crashes": 1}, {"tagging_worker_deaths": 1}], ids=["process", "worker"]
)
def test_a_document_with_deaths_is_taken_only_by_who_has_nothing_else_in_hand(
    sessions: sessionmaker[Session], make: Factory, deaths: dict[str, int]
) -> None:
    """Also when it is the only one in its chunk: others of the same job may be in the process."""
    document = make.document(make.instance(), **deaths)
    assert claim_many(sessions, document.instance_id, [document.id], "worker-1") == []
    assert have_deaths(sessions, document.instance_id, [document.id]) == [document.id]
    (held,) = claim_many(sessions, document.instance_id, [document.id], "worker-1", alone=True)
    assert held.crashes == deaths.get("tagging_crashes", 0)


def test_with_nothing_to_put_back_nothing_is_written(sessions: sessionmaker[Session], make: Factory) -> None:
    """The scheduler asks each second: it must not take the write lock each second."""
    document = make.document(make.instance())
    with sessions() as writer, unit_of_work(writer) as work:
        work.session.scalars(select(Document)).all()
        assert release_expired_claims(sessions) == 0
        assert release_claims_of(sessions, "worker-1") == 0
    assert load(sessions, document).tagging_state is TaggingState.QUEUED


@pytest.mark.sqlite
def test_documents_in_hand_are_found_by_their_numbers(
    sessions: sessionmaker[Session], engine: Engine, make: Factory
) -> None:
    """However many wait: SQLite would rather go through all that an instance has, or all that are queued."""
    acme = make.instance()
    ids = [make.document(acme).id for _ in range(20)]
    plans = []

    def explain(
        connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object
    ) -> None:
        if statement.startswith("UPDATE document "):
            rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([row[3] for row in rows])

    event.listen(engine, "before_cursor_execute", explain)
    claim_many(sessions, acme.id, ids, "worker-1")
    event.remove(engine, "before_cursor_execute", explain)
    (plan,) = plans
    assert not [step for step in plan if "instance_id=" in step]
    assert any("PRIMARY KEY" in step or "id=?" in step for step in plan)
