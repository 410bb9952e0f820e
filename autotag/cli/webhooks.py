"""`autotag webhooks`."""

import json

import click

from autotag.cli.common.database import actor, reading, writing
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import INSTANCE, JSON, NUMBER
from autotag.cli.output import echo
from autotag.configuration.context import secret_box
from autotag.instances.administration import find_by_web_id
from autotag.webhooks.registry import (
    OFFERED_EVENTS,
    WebhookFields,
    WebhookNotFound,
    WebhookRefused,
    WebhookSummary,
    create_webhook,
    delete_webhook,
    list_webhooks,
)

EVENTS = [event.value for event in OFFERED_EVENTS]


@click.group(name="webhooks")
def command() -> None:
    """Add, list and delete the webhooks that tell other programs what happens.

    \b
    Example:
      autotag webhooks create --instance acme --url https://example.com/autotag --event document.tagged
    """


@command.command()
@INSTANCE
@click.option("--url", required=True, help="The address that is told.")
@click.option(
    "--event", "events", multiple=True, type=click.Choice(EVENTS), help="Repeat it. Default: all events."
)
@JSON
def create(web_id: str, url: str, events: tuple[str, ...], as_json: bool) -> None:
    """Add a webhook and print the secret that signs its deliveries, once."""
    config = load_config()
    with writing(config) as work:
        instance = find_by_web_id(work.session, web_id)
        try:
            webhook, secret = create_webhook(
                work,
                instance.id,
                WebhookFields(url, events or EVENTS),
                box=secret_box(config),
                allowed_private_hosts=config.allowed_private_hosts,
                user_id=None,
                actor=actor(),
            )
        except WebhookRefused as error:
            raise click.ClickException(str(error)) from error
        answer = {"id": webhook.id, "url": webhook.address, "events": webhook.events}
    echo(json.dumps(answer | {"secret": secret}) if as_json else secret)


@command.command(name="list")
@INSTANCE
@JSON
def list_all(web_id: str, as_json: bool) -> None:
    """List the webhooks of an instance; never their secrets."""
    with reading(load_config()) as session:
        instance = find_by_web_id(session, web_id)
        found = [_described(summary) for summary in list_webhooks(session, instance.id)]
    if as_json:
        echo(json.dumps(found))
        return
    for each in found:
        state = "paused" if each["paused"] else f"{each['waiting']} waiting"
        echo(f"{each['id']:>6}  {state:<12} {each['url']}")


@command.command()
@INSTANCE
@click.argument("webhook_id", metavar="ID", type=NUMBER)
@JSON
def delete(web_id: str, webhook_id: int, as_json: bool) -> None:
    """Delete a webhook with its log. ID is the number that `autotag webhooks list` shows."""
    with writing(load_config()) as work:
        instance = find_by_web_id(work.session, web_id)
        try:
            delete_webhook(work, instance.id, webhook_id, actor=actor())
        except WebhookNotFound as error:
            raise click.ClickException(f"The instance {web_id} has no webhook {webhook_id}.") from error
    if as_json:
        echo(json.dumps({"id": webhook_id, "deleted": True}))


def _described(summary: WebhookSummary) -> dict[str, object]:
    webhook, newest = summary.webhook, summary.newest
    return {
        "id": webhook.id,
        "url": webhook.address,
        "events": webhook.events,
        "paused": webhook.is_paused,
        "waiting": summary.waiting,
        "newest_delivery": newest and newest.state.value,
    }
