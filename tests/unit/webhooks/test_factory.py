from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from autotag.config import Config
from autotag.configuration.context import secret_box
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks.deliveries import begin_test
from autotag.webhooks.factory import webhook_sender
from autotag.webhooks.registry import WebhookFields, create_webhook
from tests.unit.conftest import Factory


def test_the_sender_has_the_installations_keys_and_allowed_hosts(
    config: Config, sessions: sessionmaker[Session], make: Factory, webhook_receiver: Any
) -> None:
    webhook_receiver.reset()
    config = replace(config, allowed_private_hosts=(webhook_receiver.host,))
    instance = make.instance()
    with sessions() as session, unit_of_work(session) as work:
        webhook, _ = create_webhook(
            work,
            instance.id,
            WebhookFields(webhook_receiver.address, ("run.finished",)),
            box=secret_box(config),
            allowed_private_hosts=config.allowed_private_hosts,
            user_id=None,
            actor="eva",
        )
        held = begin_test(work, webhook)
    tried = webhook_sender(config, sessions, "page").send(webhook.instance_id, webhook.id, held)
    assert tried is not None
    assert (tried.status, tried.is_delivered) == (204, True)
    refused = webhook_sender(replace(config, allowed_private_hosts=()), sessions, "page")
    tried = refused.send(webhook.instance_id, webhook.id, held)
    assert tried is not None
    assert tried.status is None
