"""What was sent to a webhook: one delivery's page, sending it again, sending a test."""

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from limits import parse
from sqlalchemy.orm import sessionmaker
from werkzeug.exceptions import TooManyRequests

from autotag.blueprints.access import requires
from autotag.blueprints.long_answers import holds_thread
from autotag.blueprints.services import services
from autotag.blueprints.webhooks import ONE_DELIVERY, ONE_WEBHOOK, blueprint
from autotag.extensions import db, is_within, limiter
from autotag.models import Role
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks.deliveries import DeliveryUnderWay, begin_again, begin_test, load_delivery
from autotag.webhooks.factory import webhook_sender
from autotag.webhooks.registry import load_webhook
from autotag.webhooks.sender import Held

SENDINGS = parse("20 per minute")
TOO_MANY = "At most 20 deliveries a minute are sent by hand."


def own_instance() -> str:
    """Name the instance, so that what its administrators send counts together."""
    return f"webhooks:{g.instance.id}"


def count_sending() -> None:
    """Count a sending when it begins: many that wait for a slow address would begin before the first one ends."""
    if limiter.enabled and not is_within(SENDINGS, own_instance()):
        raise TooManyRequests(TOO_MANY)


@blueprint.get(ONE_DELIVERY)
@requires(Role.ADMINISTRATOR)
def show_delivery(webhook_id: int, delivery_id: int) -> ResponseReturnValue:
    """Show what is sent, and each try."""
    webhook = load_webhook(db.session(), g.instance.id, webhook_id)
    delivery = load_delivery(db.session(), g.instance.id, webhook_id, delivery_id)
    return render_template("webhooks/delivery.html", webhook=webhook, delivery=delivery)


@blueprint.post(f"{ONE_WEBHOOK}/test")
@requires(Role.ADMINISTRATOR)
@holds_thread
def send_test(webhook_id: int) -> ResponseReturnValue:
    """Send a test and wait for the answer, for 15 seconds at most."""
    with unit_of_work(db.session()) as work:
        held = begin_test(work, load_webhook(work.session, g.instance.id, webhook_id))
        count_sending()
    send_now(webhook_id, held)
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


@blueprint.post(f"{ONE_DELIVERY}/again")
@requires(Role.ADMINISTRATOR)
@holds_thread
def send_again(webhook_id: int, delivery_id: int) -> ResponseReturnValue:
    """Send a delivery again under its event id and wait for the answer; if it fails, it is tried again as a new one."""
    target = url_for("webhooks.show_delivery", webhook_id=webhook_id, delivery_id=delivery_id)
    try:
        with unit_of_work(db.session()) as work:
            delivery = load_delivery(work.session, g.instance.id, webhook_id, delivery_id, for_change=True)
            held = begin_again(work, delivery)
            count_sending()
    except DeliveryUnderWay:
        flash("It is being sent at this moment. Load the page again to see what comes of it.", "warning")
        return redirect(target, 303)
    send_now(webhook_id, held)
    return redirect(target, 303)


def send_now(webhook_id: int, held: Held) -> None:
    """Send one delivery and say on the next page what came of it."""
    instance_id = g.instance.id
    # No transaction stays open while an address takes its time.
    db.session().rollback()
    sender = webhook_sender(services().config, sessionmaker(db.engine, expire_on_commit=False), "page")
    tried = sender.send(instance_id, webhook_id, held)
    if tried is not None and tried.is_delivered:
        flash(f"Delivered: the address answered {tried.status} after {tried.seconds:.1f} s.", "success")
    elif tried is not None:
        flash(f"Not delivered. {tried.reason}", "danger")
