"""The pages of webhooks, with a real server at the other end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.models import DeliveryState, Role, VirtualInstance, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks.registry import CANNOT_SIGN
from tests.conftest import counted_statements
from tests.unit.blueprints.conftest import Browser, control, parsed, said
from tests.unit.conftest import Factory

WEBHOOKS = "/control-panel/webhooks"
Verify = Callable[[str, str, bytes], bool]


@pytest.fixture(autouse=True)
def _fresh(webhook_receiver: Any) -> None:
    webhook_receiver.reset()


@pytest.fixture
def app(config: Config, build_app: Callable[[Config], Flask], webhook_receiver: Any) -> Flask:
    return build_app(replace(config, allowed_private_hosts=(webhook_receiver.host,)))


@pytest.fixture
def address(webhook_receiver: Any) -> str:
    return f"{webhook_receiver.address}/hook"


@pytest.fixture
def page_of(administrator: Browser, address: str) -> str:
    """The address of the page of a webhook that the administrator has added."""
    sent = {"address": address, "events": ["document.tagged", "run.finished"]}
    answer = administrator.post(f"{WEBHOOKS}/add", sent)
    assert answer.status_code == 303
    return str(answer.location)


def secret_on(browser: Browser, path: str) -> str:
    found = browser.page(path).find(id="shown-once-secret")
    assert found is not None
    return str(found.get_text())


def deliveries(sessions: sessionmaker[Session]) -> list[WebhookDelivery]:
    with sessions() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def test_without_any_the_page_says_what_they_are_for(administrator: Browser) -> None:
    page = administrator.page(WEBHOOKS)
    assert "No webhooks yet" in said(page)
    assert page.find("a", href=f"{WEBHOOKS}/add")


def test_the_secret_is_shown_once_and_signs_the_test(
    administrator: Browser, page_of: str, webhook_receiver: Any, documented_verification: Verify
) -> None:
    secret = secret_on(administrator, page_of)
    assert secret not in administrator.get(page_of).text
    assert administrator.post(f"{page_of}/test").status_code == 303
    page = said(administrator.page(page_of))
    assert "Delivered: the address answered 204" in page
    assert "Test" in page
    (request,) = webhook_receiver.taken
    assert documented_verification(secret, request.header("Autotag-Signature"), request.body)
    assert secret not in administrator.get("/control-panel/audit").text


def test_every_event_is_offered_and_chosen_at_first(administrator: Browser) -> None:
    boxes = administrator.page(f"{WEBHOOKS}/add").find_all("input", attrs={"name": "events"})
    assert [box["value"] for box in boxes] == ["document.tagged", "document.failed", "run.finished"]
    assert all(box.has_attr("checked") for box in boxes)


@pytest.mark.parametrize(
    ("sent", "field", "reason"),
    [
        ({"address": "", "events": "run.finished"}, "address", "Enter the address"),
        ({"address": "http://example.com/", "events": "run.finished"}, "address", "only https is used"),
        ({"address": "http://127.0.0.1:1/", "events": "run.finished"}, "address", "only https is used"),
        ({"address": "https://example.com/"}, "events", "Choose at least one event."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    administrator: Browser, sent: dict[str, str], field: str, reason: str
) -> None:
    answer = administrator.post(f"{WEBHOOKS}/add", sent)
    assert answer.status_code == 422
    found = parsed(answer).find(id=f"{field}-error")
    assert found is not None
    assert reason in found.get_text()
    assert control(parsed(answer), "address")["value"] == sent["address"]


def test_a_webhook_is_changed(administrator: Browser, page_of: str, address: str) -> None:
    page = administrator.page(f"{page_of}/edit")
    assert control(page, "address")["value"] == address
    chosen = [box["value"] for box in page.find_all("input", attrs={"name": "events"}, checked=True)]
    assert chosen == ["document.tagged", "run.finished"]
    sent = {"address": f"{address}/2", "events": ["document.failed"]}
    assert administrator.post(f"{page_of}/edit", sent).status_code == 303
    words = said(administrator.page(WEBHOOKS))
    assert f"{address}/2 Document failed" in words
    refused = administrator.post(f"{page_of}/edit", {"address": "nowhere", "events": ["run.finished"]})
    assert refused.status_code == 422


def test_a_webhook_is_paused_resumed_and_deleted_after_a_question(
    administrator: Browser, page_of: str, sessions: sessionmaker[Session]
) -> None:
    administrator.post(f"{page_of}/pause")
    assert "Paused" in said(administrator.page(WEBHOOKS))
    administrator.post(f"{page_of}/resume")
    assert "Active" in said(administrator.page(WEBHOOKS))
    assert "cannot be undone" in said(administrator.page(f"{page_of}/delete"))
    assert administrator.post(f"{page_of}/delete").location == WEBHOOKS
    assert administrator.get(page_of).status_code == 404
    with sessions() as session:
        assert session.scalars(select(Webhook)).all() == []


def test_a_new_secret_is_shown_once_too(
    administrator: Browser, page_of: str, webhook_receiver: Any, documented_verification: Verify
) -> None:
    first = secret_on(administrator, page_of)
    administrator.post(f"{page_of}/secret")
    second = secret_on(administrator, page_of)
    assert second != first
    administrator.post(f"{page_of}/test")
    (request,) = webhook_receiver.taken
    assert documented_verification(second, request.header("Autotag-Signature"), request.body)
    assert not documented_verification(first, request.header("Autotag-Signature"), request.body)


def test_a_test_that_fails_says_why_and_is_not_tried_again(
    administrator: Browser, page_of: str, webhook_receiver: Any, sessions: sessionmaker[Session]
) -> None:
    webhook_receiver.fail_next(1, "server_error")
    administrator.post(f"{page_of}/test")
    page = said(administrator.page(page_of))
    assert "Not delivered. The address answered 500." in page
    assert "Failing" not in page
    (delivery,) = deliveries(sessions)
    assert (delivery.state, delivery.tries) == (DeliveryState.FAILED, 1)


def test_a_delivery_shows_its_body_and_tries_and_is_sent_again_with_its_id(
    administrator: Browser, page_of: str, webhook_receiver: Any, sessions: sessionmaker[Session]
) -> None:
    webhook_receiver.fail_next(1, "server_error")
    administrator.post(f"{page_of}/test")
    (delivery,) = deliveries(sessions)
    path = f"{page_of}/deliveries/{delivery.id}"
    words = said(administrator.page(path))
    assert "The address answered 500." in words
    assert '"message": "This is a test of this webhook."' in words
    assert administrator.post(f"{path}/again").location == path
    words = said(administrator.page(path))
    assert "Delivered: the address answered 204" in words
    assert "The address answered 500." in words
    assert [event["id"] for event in webhook_receiver.events] == [delivery.event_id]


def test_a_failing_webhook_says_how_often_and_when_it_goes_on(
    administrator: Browser, page_of: str, sessions: sessionmaker[Session]
) -> None:
    for failures, words in ((1, "The last try failed."), (3, "The last 3 tries failed.")):
        with sessions() as session, unit_of_work(session) as work:
            webhook = work.session.scalars(select(Webhook)).one()
            webhook.failures, webhook.rest_until = failures, webhook.created_at
        page = said(administrator.page(page_of))
        assert words in page
        assert "What waits is tried again from" in page
    assert "Failing: 3 tries in a row" in said(administrator.page(WEBHOOKS))


def test_what_is_being_sent_is_not_sent_twice(
    administrator: Browser, page_of: str, webhook_receiver: Any, sessions: sessionmaker[Session]
) -> None:
    administrator.post(f"{page_of}/test")
    (delivery,) = deliveries(sessions)
    with sessions() as session, unit_of_work(session) as work:
        held = work.session.get_one(WebhookDelivery, delivery.id)
        held.claim, held.lease_until = "somebody", delivery.created_at.replace(year=2100)
    path = f"{page_of}/deliveries/{delivery.id}"
    administrator.post(f"{path}/again")
    assert "being sent at this moment" in said(administrator.page(path))
    assert len(webhook_receiver.requests) == 1


def test_the_log_is_paged_and_costs_the_same_however_long(
    administrator: Browser,
    page_of: str,
    sessions: sessionmaker[Session],
    engine: Engine,
    acme: VirtualInstance,
    app: Flask,
) -> None:
    from autotag.extensions import db

    with app.app_context():
        engine = db.engine

    def note(number: int) -> None:
        with sessions() as session, unit_of_work(session) as work:
            for _ in range(number):
                work.session.add(
                    WebhookDelivery(
                        instance_id=acme.id,
                        webhook_id=int(page_of.rpartition("/")[2]),
                        event_id="evt_1",
                        event=WebhookEvent.RUN_FINISHED,
                        body="{}",
                    )
                )

    def statements() -> int:
        with counted_statements(engine) as sent:
            administrator.page(page_of)
        return len(sent)

    administrator.page(page_of)
    note(2)
    few = statements()
    note(40)
    assert statements() == few
    older = administrator.page(page_of).find("a", string="Older")
    assert older is not None
    rest = administrator.page(str(older["href"]))
    assert len(rest.select("tbody tr")) == 12
    assert rest.find("a", string="Back to the newest")


def test_editors_see_nothing_of_it(
    browser: Callable[..., Browser], acme: VirtualInstance, page_of: str
) -> None:
    editor = browser(acme, Role.EDITOR)
    for path in (WEBHOOKS, page_of, f"{page_of}/edit"):
        assert editor.get(path).status_code == 403
    assert editor.post(f"{page_of}/test").status_code == 403


def test_one_webhooks_delivery_is_not_found_under_another(
    administrator: Browser, page_of: str, address: str, sessions: sessionmaker[Session], make: Factory
) -> None:
    administrator.post(f"{page_of}/test")
    (delivery,) = deliveries(sessions)
    other = administrator.post(f"{WEBHOOKS}/add", {"address": address, "events": "run.finished"}).location
    assert administrator.get(f"{other}/deliveries/{delivery.id}").status_code == 404


def test_no_more_than_twenty_are_sent_by_hand_in_a_minute(
    administrator: Browser, page_of: str, webhook_receiver: Any
) -> None:
    answers = [administrator.post(f"{page_of}/test").status_code for _ in range(22)]
    assert answers == [303] * 20 + [429] * 2
    assert len(webhook_receiver.requests) == 20


def test_a_secret_that_cannot_be_read_is_told_until_there_is_a_new_one(
    administrator: Browser, page_of: str, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        session.scalars(select(Webhook)).one().secret = "damaged"
        session.commit()
    assert CANNOT_SIGN in said(administrator.page(page_of))
    administrator.post(f"{page_of}/secret")
    assert CANNOT_SIGN not in said(administrator.page(page_of))
