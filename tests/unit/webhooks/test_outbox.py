"""The outbox: a delivery is there if and only if its event is, and costs next to nothing where nobody listens."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from autotag.models import (
    AssignmentSource,
    Document,
    RunState,
    TaggingRun,
    TaggingState,
    VirtualInstance,
    Webhook,
    WebhookDelivery,
)
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.pipeline import record_outcome
from autotag.tagging.pipeline.release_claims import DEATHS_BEFORE_QUARANTINE, release_claims_of
from autotag.tagging.runs.scheduler_step import tend_runs
from tests.conftest import counted_statements
from tests.unit.conftest import Factory
from tests.unit.tagging.conftest import Library, enable_tensorflow

ALL = ["document.tagged", "document.failed", "run.finished"]
Add = Callable[..., Webhook]


@pytest.fixture
def library(sessions: sessionmaker[Session], make: Factory) -> Library:
    acme = make.instance("acme")
    enable_tensorflow(sessions, acme.id)
    return Library(sessions, make, acme)


@pytest.fixture
def add(sessions: sessionmaker[Session], library: Library) -> Add:
    """Adds a webhook, to the library's instance unless another is named."""

    def add(events: list[str] = ALL, instance: VirtualInstance | None = None, **values: object) -> Webhook:
        webhook = Webhook(
            instance_id=(instance or library.instance).id,
            address="https://example.com/hook",
            events=events,
            **values,
        )
        with sessions() as session, unit_of_work(session) as work:
            work.session.add(webhook)
        return webhook

    return add


def deliveries(sessions: sessionmaker[Session]) -> list[WebhookDelivery]:
    with sessions() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def bodies(sessions: sessionmaker[Session]) -> list[dict[str, object]]:
    return [json.loads(delivery.body) for delivery in deliveries(sessions)]


def test_a_tagged_document_is_told_with_all_its_tags(
    library: Library, add: Add, sessions: sessionmaker[Session]
) -> None:
    webhook = add()
    document = library.document(TaggingState.QUEUED, title="Grüße", file_name="a.jpg")
    library.make.tag(document, "by hand")
    library.change(document, lambda _, row: setattr(row, "tagging_requested", True))
    assert library.work() == 1
    (delivery,) = deliveries(sessions)
    assert (delivery.webhook_id, delivery.instance_id) == (webhook.id, library.instance.id)
    body = json.loads(delivery.body)
    assert (body["id"], body["type"], body["instance"]) == (delivery.event_id, "document.tagged", "acme")
    assert body["time"].endswith("Z")
    told = body["document"]
    assert (told["id"], told["title"], told["state"], told["run_id"]) == (
        document.id,
        "Grüße",
        "tagged",
        None,
    )
    by_hand = {"name": "by hand", "source": "manual", "provider": None, "model": None, "confidence": None}
    cat = {"name": "cat", "source": "auto", "provider": "tensorflow", "model": "toy", "confidence": 0.9}
    assert told["tags"] == [by_hand, cat]


def test_a_failure_is_told_with_its_reason(
    library: Library, add: Add, sessions: sessionmaker[Session]
) -> None:
    add()
    document = library.document(TaggingState.QUEUED)
    (held,) = library.take(document)
    library.record(held, record_outcome.Outcome(TaggingState.FAILED, "unreadable", "It cannot be read."))
    (body,) = bodies(sessions)
    assert body["type"] == "document.failed"
    told = body["document"]
    assert isinstance(told, dict)
    assert (told["reason_code"], told["reason"], told["tags"]) == ("unreadable", "It cannot be read.", [])


def test_a_document_that_killed_its_workers_is_told_as_failed(
    library: Library, add: Add, sessions: sessionmaker[Session]
) -> None:
    add()
    document = library.document(TaggingState.QUEUED, tagging_worker_deaths=DEATHS_BEFORE_QUARANTINE - 1)
    assert library.take(document)
    assert release_claims_of(sessions, "worker-1") == 1
    (body,) = bodies(sessions)
    assert body["type"] == "document.failed"
    assert isinstance(body["document"], dict)
    assert body["document"]["state"] == "quarantined"


@pytest.mark.parametrize("state", [TaggingState.NO_TAGS, TaggingState.SKIPPED, TaggingState.QUEUED])
def test_other_ends_are_no_event(
    library: Library, add: Add, sessions: sessionmaker[Session], state: TaggingState
) -> None:
    add()
    (held,) = library.take(library.document(TaggingState.QUEUED))
    library.record(held, record_outcome.Outcome(state, "reason", "A reason."))
    assert deliveries(sessions) == []


def test_a_claim_that_was_lost_tells_nothing(
    library: Library, add: Add, sessions: sessionmaker[Session]
) -> None:
    add()
    document = library.document(TaggingState.QUEUED)
    (held,) = library.take(document)
    with sessions() as session, unit_of_work(session) as work:
        work.session.execute(update(Document).values(tagging_claim="somebody else"))
    assert not library.record(held, library.conclude(held))
    assert deliveries(sessions) == []


def test_what_is_rolled_back_tells_nothing(
    library: Library, add: Add, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    noted = record_outcome.note_documents

    def note_and_fail(*arguments: object) -> None:
        noted(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(record_outcome, "note_documents", note_and_fail)
    (held,) = library.take(library.document(TaggingState.QUEUED))
    with pytest.raises(RuntimeError):
        library.record(held, library.conclude(held))
    assert deliveries(sessions) == []


def test_a_finished_run_is_told_with_its_counts(
    library: Library, add: Add, sessions: sessionmaker[Session]
) -> None:
    add(["run.finished"])
    library.document(mime_type="text/plain")
    run = library.start(library.document(), library.document())
    library.go_on()
    (body,) = bodies(sessions)
    assert body["type"] == "run.finished"
    assert body["run"] == {
        "id": run.id,
        "scope": "selection",
        "covers": "these",
        "total": 2,
        "done": 2,
        "failed": 0,
        "left_out": 0,
    }
    tend_runs(sessions)
    assert len(bodies(sessions)) == 1
    with sessions() as session:
        assert session.scalar(select(TaggingRun.state)) is RunState.FINISHED


def test_only_those_who_want_to_know_are_told_and_the_event_has_one_id(
    library: Library, add: Add, sessions: sessionmaker[Session], make: Factory
) -> None:
    first, second = add(["document.tagged"]), add()
    add(["run.finished"])
    add(is_paused=True)
    add(instance=make.instance("globex"))
    library.document(TaggingState.QUEUED)
    library.work()
    found = deliveries(sessions)
    assert [delivery.webhook_id for delivery in found] == [first.id, second.id]
    assert len({delivery.event_id for delivery in found}) == 1


def statements_of(engine: Engine, library: Library, number: int) -> list[str]:
    for _ in range(number):
        library.document(TaggingState.QUEUED)
    held = library.take()
    finished = [(one, library.conclude(one)) for one in held]
    with counted_statements(engine) as statements:
        assert len(record_outcome.record_many(library.sessions, finished, "worker-1")) == number
    return statements


def test_without_a_webhook_it_is_one_query_for_a_batch(engine: Engine, library: Library) -> None:
    library.make.tag(library.document(), "cat")
    about_it = [one for one in statements_of(engine, library, 8) if "webhook" in one]
    assert len(about_it) == 1
    assert about_it[0].startswith("SELECT")


def test_with_a_webhook_the_statements_do_not_grow_with_the_documents(
    engine: Engine, library: Library, add: Add
) -> None:
    add()
    library.make.tag(library.document(), "cat")

    def extra(number: int) -> int:
        statements = statements_of(engine, library, number)
        return len([one for one in statements if "webhook" in one])

    assert extra(2) == extra(8) == 2


def test_no_query_where_nothing_could_be_told(engine: Engine, library: Library, add: Add) -> None:
    add()
    (held,) = library.take(library.document(TaggingState.QUEUED))
    with counted_statements(engine) as statements:
        library.record(held, record_outcome.Outcome(TaggingState.SKIPPED, "switched_off", "It is off."))
    assert not [one for one in statements if "webhook" in one]


def test_tags_of_people_come_first_then_the_surest(
    library: Library, add: Add, sessions: sessionmaker[Session]
) -> None:
    add()
    document = library.document(TaggingState.QUEUED)
    library.change(document, lambda _, row: setattr(row, "tagging_requested", True))
    library.make.tag(document, "unsure", source=AssignmentSource.AUTO, confidence=0.2)
    library.make.tag(document, "zebra")
    library.work()
    (body,) = bodies(sessions)
    assert isinstance(body["document"], dict)
    assert [tag["name"] for tag in body["document"]["tags"]] == ["zebra", "cat", "unsure"]
