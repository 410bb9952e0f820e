from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from autotag.configuration.secret_box import SecretBox, SecretUnreadable
from autotag.models import AuditEvent, VirtualInstance, Webhook, WebhookDelivery, WebhookEvent
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks import registry as webhooks
from autotag.webhooks.registry import WebhookFields, WebhookNotFound, WebhookRefused
from tests.conftest import counted_statements
from tests.unit.conftest import Factory

BOX = SecretBox(["key"])
ADDRESS = "https://example.com/hook"
Add = Callable[..., tuple[Webhook, str]]


@pytest.fixture
def acme(make: Factory) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def add(sessions: sessionmaker[Session], acme: VirtualInstance) -> Add:
    def add(address: str = ADDRESS, *events: str, allowed: tuple[str, ...] = ()) -> tuple[Webhook, str]:
        fields = WebhookFields(address, events or ("document.tagged",))
        with sessions() as session, unit_of_work(session) as work:
            return webhooks.create_webhook(
                work, acme.id, fields, box=BOX, allowed_private_hosts=allowed, user_id=None, actor="eva"
            )

    return add


def audited(sessions: sessionmaker[Session]) -> list[tuple[str, str, list[list[object]]]]:
    with sessions() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(event.action, event.subject, event.changes) for event in events]


def test_the_secret_is_returned_once_and_stored_sealed_for_its_webhook(
    add: Add, sessions: sessionmaker[Session]
) -> None:
    webhook, secret = add()
    other, other_secret = add()
    assert secret != other_secret
    with sessions() as session:
        stored = webhooks.load_webhook(session, webhook.instance_id, webhook.id)
        assert secret not in stored.secret
        assert webhooks.open_secret(stored, BOX) == secret
        stored.id = other.id
        with pytest.raises(SecretUnreadable):
            webhooks.open_secret(stored, BOX)
    assert audited(sessions)[0] == ("webhook added", ADDRESS, [["Events", "", "document.tagged"]])


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "Enter the address that is told"),
        ("example.com", "must begin with https://"),
        ("http://example.com/", "only https is used"),
        ("https://example.com:8443/", "port 8443 is not 443"),
        ("https://eva:secret@example.com/", "must not hold a user name"),
        ("https://example.com/#part", "fragment"),
        ("https://bücher.example/", "ASCII"),
        ("https://example.com/" + "a" * 2048, "2,048 characters at most"),
    ],
)
def test_an_address_that_cannot_be_told_is_refused(
    add: Add, sessions: sessionmaker[Session], address: str, reason: str
) -> None:
    with pytest.raises(WebhookRefused) as refused:
        add(address)
    assert reason in refused.value.errors["address"]
    assert "endpoint" not in refused.value.errors["address"]
    assert audited(sessions) == []


def test_the_operator_can_allow_a_private_address(add: Add) -> None:
    assert add("http://127.0.0.1:9000/hook", allowed=("127.0.0.1:9000",))[0].id


def test_unknown_events_are_dropped_and_none_is_refused(add: Add) -> None:
    assert add(ADDRESS, "run.finished", "test", "everything")[0].events == ["run.finished"]
    with pytest.raises(WebhookRefused) as refused:
        add(ADDRESS, "test")
    assert refused.value.errors == {"events": "Choose at least one event."}


def test_there_is_a_limit(add: Add) -> None:
    for _ in range(webhooks.MOST_IN_AN_INSTANCE):
        add()
    with pytest.raises(WebhookRefused, match="no more are possible"):
        add()


def test_a_change_is_audited_and_lets_a_failing_address_be_tried_at_once(
    add: Add, sessions: sessionmaker[Session]
) -> None:
    webhook, _ = add()
    with sessions() as session, unit_of_work(session) as work:
        work.session.get_one(Webhook, webhook.id).failures = 3
    fields = WebhookFields(f" {ADDRESS}2 ", ("document.tagged", "run.finished"))
    with sessions() as session, unit_of_work(session) as work:
        changed = webhooks.update_webhook(
            work, webhook.instance_id, webhook.id, fields, allowed_private_hosts=(), actor="eva"
        )
    assert (changed.address, changed.failures) == (f"{ADDRESS}2", 0)
    assert audited(sessions)[-1][2] == [
        ["Address", ADDRESS, f"{ADDRESS}2"],
        ["Events", "document.tagged", "document.tagged, run.finished"],
    ]
    with sessions() as session, unit_of_work(session) as work:
        webhooks.update_webhook(
            work, webhook.instance_id, webhook.id, fields, allowed_private_hosts=(), actor="eva"
        )
    assert len(audited(sessions)) == 2


def test_pausing_twice_is_one_change(add: Add, sessions: sessionmaker[Session]) -> None:
    webhook, _ = add()
    for paused in (True, True, False):
        with sessions() as session, unit_of_work(session) as work:
            webhooks.set_webhook_paused(work, webhook.instance_id, webhook.id, paused, actor="eva")
    actions = [action for action, *_ in audited(sessions)]
    assert actions == ["webhook added", "webhook paused", "webhook resumed"]


def test_a_new_secret_replaces_the_old_and_the_trail_shows_neither(
    add: Add, sessions: sessionmaker[Session]
) -> None:
    webhook, first = add()
    with sessions() as session, unit_of_work(session) as work:
        second = webhooks.renew_secret(work, webhook.instance_id, webhook.id, box=BOX, actor="eva")
    assert second != first
    with sessions() as session:
        stored = webhooks.load_webhook(session, webhook.instance_id, webhook.id)
        assert webhooks.open_secret(stored, BOX) == second
    trail = str(audited(sessions))
    assert first not in trail
    assert second not in trail


def test_deleting_takes_the_deliveries_along(add: Add, sessions: sessionmaker[Session]) -> None:
    webhook, _ = add()
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(delivery_of(webhook))
    with sessions() as session, unit_of_work(session) as work:
        webhooks.delete_webhook(work, webhook.instance_id, webhook.id, actor="eva")
    with sessions() as session:
        assert session.scalars(select(WebhookDelivery)).all() == []
        with pytest.raises(WebhookNotFound):
            webhooks.load_webhook(session, webhook.instance_id, webhook.id)


def delivery_of(webhook: Webhook) -> WebhookDelivery:
    return WebhookDelivery(
        instance_id=webhook.instance_id,
        webhook_id=webhook.id,
        event_id="evt_1",
        event=WebhookEvent.DOCUMENT_TAGGED,
        body="{}",
    )


def test_another_instances_webhook_is_not_there(
    add: Add, sessions: sessionmaker[Session], make: Factory
) -> None:
    webhook, _ = add()
    globex = make.instance("globex")
    with sessions() as session:
        assert webhooks.list_webhooks(session, globex.id) == []
        with pytest.raises(WebhookNotFound):
            webhooks.load_webhook(session, globex.id, webhook.id)


def test_the_list_names_the_newest_delivery_and_what_waits_in_one_query(
    add: Add, sessions: sessionmaker[Session], engine: Engine
) -> None:
    webhook, _ = add()
    add()
    with sessions() as session, unit_of_work(session) as work:
        work.session.add_all([delivery_of(webhook), delivery_of(webhook)])
    with sessions() as session, counted_statements(engine) as statements:
        first, second = webhooks.list_webhooks(session, webhook.instance_id)
        assert len(statements) == 1
    assert first.newest is not None
    assert (first.newest.id, first.waiting) == (2, 2)
    assert (second.newest, second.waiting) == (None, 0)


def test_secrets_move_to_the_current_key(add: Add, sessions: sessionmaker[Session]) -> None:
    webhook, secret = add()
    both, new = SecretBox(["new key", "key"]), SecretBox(["new key"])
    for expected in (1, 0):
        with sessions() as session, unit_of_work(session) as work:
            assert webhooks.rotate_webhook_secrets(work, both) == expected
    with sessions() as session:
        stored = webhooks.load_webhook(session, webhook.instance_id, webhook.id)
        assert webhooks.open_secret(stored, new) == secret


def test_a_secret_that_cannot_be_read_keeps_no_other_from_the_current_key(
    add: Add, sessions: sessionmaker[Session]
) -> None:
    damaged, (webhook, secret) = add()[0], add()
    with sessions() as session, unit_of_work(session) as work:
        webhooks.load_webhook(work.session, damaged.instance_id, damaged.id).secret = "damaged"
    both, new = SecretBox(["new key", "key"]), SecretBox(["new key"])
    with sessions() as session, unit_of_work(session) as work:
        assert webhooks.rotate_webhook_secrets(work, both) == 1
    with sessions() as session:
        stored = webhooks.load_webhook(session, webhook.instance_id, webhook.id)
        assert webhooks.open_secret(stored, new) == secret
        assert webhooks.unreadable_webhooks(session, new) == [f"webhook {ADDRESS} (instance acme)"]
