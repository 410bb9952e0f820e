"""Two who count calls, install models or add webhooks at once: neither passes a limit, and none ends in an error."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.context import installed_choices
from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Submission, save
from autotag.configuration.validation import InvalidConfiguration
from autotag.inference.installing.store import ModelStore
from autotag.models import (
    AuditEvent,
    ConfigurationRecord,
    InstallationState,
    ModelInstallation,
    ProviderUsage,
    Webhook,
)
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.model_installations import (
    ModelInUse,
    cancel_installation,
    remove_model,
    request_installation,
)
from autotag.tagging.provider_health.call_quota import count_call, next_month
from autotag.tagging.queueing.queue import TaggingQueue
from autotag.webhooks import registry as webhooks
from autotag.webhooks.registry import WebhookFields, WebhookRefused
from tests.unit.at_once import second_of_two
from tests.unit.conftest import Factory

BOX = SecretBox(["key"])
MODEL = "inception-v3"


@pytest.mark.parametrize("days", [(3, 3), (3, 4), (1, 2)])
def test_the_last_call_of_a_month_is_made_once(
    sessions: sessionmaker[Session], session: Session, make: Factory, days: tuple[int, int]
) -> None:
    acme = make.instance("acme")
    first, second = (date(2026, 5, day) for day in days)
    answer = second_of_two(
        sessions,
        lambda work: count_call(work.session, acme.id, "google", 1, first),
        lambda work: count_call(work.session, acme.id, "google", 1, second),
    )
    assert answer == next_month(second)
    assert session.scalar(select(func.sum(ProviderUsage.calls))) == 1


def requesting(queue: TaggingQueue, actor: str) -> Callable[[UnitOfWork], None]:
    return lambda work: request_installation(work, queue, MODEL, actor)


def test_a_model_that_two_ask_for_at_once_is_installed_once(
    sessions: sessionmaker[Session], session: Session, queue: TaggingQueue
) -> None:
    second_of_two(sessions, requesting(queue, "ada"), requesting(queue, "bob"))
    assert session.scalars(select(ModelInstallation.state)).all() == [InstallationState.QUEUED]
    assert session.scalars(select(AuditEvent.actor)).all() == ["ada"]
    assert queue.waiting() == 1


def test_a_model_that_failed_and_that_two_ask_for_again_at_once_is_installed_once(
    sessions: sessionmaker[Session], session: Session, queue: TaggingQueue
) -> None:
    with sessions() as other, unit_of_work(other) as work:
        work.session.add(ModelInstallation(name=MODEL, state=InstallationState.FAILED))
    second_of_two(sessions, requesting(queue, "ada"), requesting(queue, "bob"))
    assert session.scalars(select(AuditEvent.actor)).all() == ["ada"]
    assert queue.waiting() == 1


def test_an_installation_that_two_cancel_at_once_is_cancelled_once(
    sessions: sessionmaker[Session], session: Session
) -> None:
    with sessions() as other, unit_of_work(other) as work:
        work.session.add(ModelInstallation(name=MODEL, state=InstallationState.QUEUED))

    def cancel(work: UnitOfWork) -> None:
        cancel_installation(work, MODEL, "ada")

    second_of_two(sessions, cancel, cancel)
    assert session.scalars(select(AuditEvent.action)).all() == ["model installation cancelled"]


def choosing(models: ModelStore) -> Callable[[UnitOfWork], None]:
    # As a page does, before the transaction.
    choices = installed_choices(models)
    texts = {"enabled": "true", "model": "toy", "confidence_threshold": "0.5"}

    def choose(work: UnitOfWork) -> None:
        save(work, Place.of(TENSORFLOW), Submission(texts, "eva"), box=BOX, choices=choices)

    return choose


def test_a_model_that_somebody_chooses_while_it_is_removed_cannot_be_chosen(
    sessions: sessionmaker[Session], session: Session, models: ModelStore
) -> None:
    with pytest.raises(InvalidConfiguration):
        second_of_two(sessions, lambda work: remove_model(work, models, "toy", "ada"), choosing(models))
    assert session.scalar(select(func.count()).select_from(ConfigurationRecord)) == 0


def test_a_model_that_somebody_removes_while_it_is_chosen_stays(
    sessions: sessionmaker[Session], models: ModelStore
) -> None:
    with pytest.raises(ModelInUse):
        second_of_two(sessions, choosing(models), lambda work: remove_model(work, models, "toy", "ada"))
    assert models.get("toy").name == "toy"


def test_the_last_webhook_that_an_instance_may_have_is_added_once(
    sessions: sessionmaker[Session], session: Session, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_IN_AN_INSTANCE", 1)
    acme = make.instance("acme")

    def add(work: UnitOfWork) -> None:
        fields = WebhookFields("https://example.com/hook", ["document.tagged"])
        webhooks.create_webhook(
            work, acme.id, fields, box=BOX, allowed_private_hosts=(), user_id=None, actor="eva"
        )

    with pytest.raises(WebhookRefused, match="There are 1 webhooks already"):
        second_of_two(sessions, add, add)
    assert session.scalar(select(func.count()).select_from(Webhook)) == 1
