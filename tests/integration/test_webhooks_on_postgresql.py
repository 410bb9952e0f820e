"""Webhooks on PostgreSQL, where several write at once: no delivery twice in hand, none lost to a deletion."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.secret_box import SecretBox
from autotag.models import TaggingState, Webhook, WebhookDelivery
from autotag.models.unit_of_work import unit_of_work
from autotag.outbound_http.client import WebClient
from autotag.webhooks.cleanup import tidy_deliveries
from autotag.webhooks.outbox import note_documents
from autotag.webhooks.registry import delete_webhook
from autotag.webhooks.sender import WebhookSender, due_webhooks
from tests.unit.conftest import Factory

pytestmark = pytest.mark.postgresql


@pytest.fixture
def webhook(sessions: sessionmaker[Session]) -> Webhook:
    instance = Factory(sessions).instance("acme")
    made = Webhook(
        instance_id=instance.id, address="https://example.com/", events=["document.tagged"], secret="none"
    )
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(made)
    return made


def note(sessions: sessionmaker[Session], webhook: Webhook, number: int) -> None:
    make = Factory(sessions)
    instance = type("Instance", (), {"id": webhook.instance_id})()
    ids = [make.document(instance, tagging_state=TaggingState.TAGGED).id for _ in range(number)]
    with sessions() as session, unit_of_work(session) as work:
        note_documents(work.session, webhook.instance_id, dict.fromkeys(ids, TaggingState.TAGGED))


def test_two_senders_never_have_the_same_delivery(sessions: sessionmaker[Session], webhook: Webhook) -> None:
    note(sessions, webhook, 30)
    assert due_webhooks(sessions) == [(webhook.id, webhook.instance_id)]
    senders = [WebhookSender(sessions, SecretBox(["key"]), WebClient, f"sender-{n}") for n in range(4)]
    begin = threading.Barrier(len(senders))

    def take(sender: WebhookSender) -> list[int]:
        begin.wait()
        return [held.id for _ in range(8) for held in sender._take(webhook.id)[1]]

    with ThreadPoolExecutor(len(senders)) as pool:
        taken = [key for keys in pool.map(take, senders) for key in keys]
    assert len(taken) == len(set(taken)) == 30
    assert due_webhooks(sessions) == []


def test_a_deletion_waits_for_the_event_that_is_being_noted(
    sessions: sessionmaker[Session], webhook: Webhook
) -> None:
    document = Factory(sessions).document(type("Instance", (), {"id": webhook.instance_id})())
    noted, deleted = threading.Event(), threading.Event()

    def delete() -> None:
        noted.wait(10)
        with sessions() as session, unit_of_work(session) as work:
            delete_webhook(work, webhook.instance_id, webhook.id, actor="eva")
        deleted.set()

    thread = threading.Thread(target=delete)
    thread.start()
    with sessions() as session, unit_of_work(session) as work:
        note_documents(work.session, webhook.instance_id, {document.id: TaggingState.TAGGED})
        noted.set()
        assert not deleted.wait(0.3)
    thread.join(10)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 0


def test_tidying_runs_there_too(sessions: sessionmaker[Session], webhook: Webhook) -> None:
    note(sessions, webhook, 3)
    tidy_deliveries(sessions)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 3
