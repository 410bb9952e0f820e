"""The webhooks of this virtual instance: the list, adding one, its page, and what is done with it."""

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.control_panel.one_time_secret import keep_secret, take_secret
from autotag.blueprints.numbers import read_number
from autotag.blueprints.services import services
from autotag.blueprints.webhooks import ONE_WEBHOOK, blueprint
from autotag.blueprints.webhooks.forms import WebhookForm
from autotag.configuration.context import secret_box
from autotag.extensions import db
from autotag.models import Role, Webhook
from autotag.models.unit_of_work import unit_of_work
from autotag.webhooks import registry as webhooks
from autotag.webhooks.deliveries import list_deliveries

DELIVERIES_ON_A_PAGE = 30


@blueprint.get("")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Show all webhooks."""
    return render_template(
        "webhooks/index.html", summaries=webhooks.list_webhooks(db.session(), g.instance.id)
    )


@blueprint.get("/add")
@requires(Role.ADMINISTRATOR)
def add() -> ResponseReturnValue:
    """Show the form for a new webhook, with every event chosen."""
    events = [event.value for event in webhooks.OFFERED_EVENTS]
    return render_template("webhooks/form.html", form=WebhookForm(data={"events": events}), webhook=None)


@blueprint.post("/add")
@requires(Role.ADMINISTRATOR)
def create() -> ResponseReturnValue:
    """Add a webhook; its secret is shown on the page that follows, and nowhere else."""
    form = WebhookForm()
    try:
        webhook, secret = make_webhook(form)
    except webhooks.WebhookRefused as error:
        form.refuse(error.errors)
        return render_template("webhooks/form.html", form=form, webhook=None), 422
    keep_secret(webhook.id, secret)
    flash("The webhook is added. Send a test to see whether its address answers.", "success")
    return redirect(url_for("webhooks.show", webhook_id=webhook.id), 303)


def make_webhook(form: WebhookForm) -> tuple[Webhook, str]:
    """Make what a form describes, in a transaction of its own."""
    config = services().config
    with unit_of_work(db.session()) as work:
        return webhooks.create_webhook(
            work,
            g.instance.id,
            form.webhook_fields,
            box=secret_box(config),
            allowed_private_hosts=config.allowed_private_hosts,
            user_id=current_user.user.id,
            actor=current_user.user.email,
        )


@blueprint.get(ONE_WEBHOOK)
@requires(Role.ADMINISTRATOR)
def show(webhook_id: int) -> ResponseReturnValue:
    """Show a webhook with what was sent to it, newest first."""
    webhook = webhooks.load_webhook(db.session(), g.instance.id, webhook_id)
    before = read_number(request.args.get("before", ""))
    page = list_deliveries(db.session(), webhook, before_id=before, limit=DELIVERIES_ON_A_PAGE)
    secret = take_secret(webhook.id)
    is_readable = webhooks.is_readable(webhook, secret_box(services().config))
    trouble = "" if is_readable else webhooks.CANNOT_SIGN
    return render_template(
        "webhooks/show.html", webhook=webhook, page=page, before=before, secret=secret, trouble=trouble
    )


@blueprint.get(f"{ONE_WEBHOOK}/edit")
@requires(Role.ADMINISTRATOR)
def edit(webhook_id: int) -> ResponseReturnValue:
    """Show what can be changed of a webhook."""
    webhook = webhooks.load_webhook(db.session(), g.instance.id, webhook_id)
    form = WebhookForm(formdata=None)
    form.show(webhook)
    return render_template("webhooks/form.html", form=form, webhook=webhook)


@blueprint.post(f"{ONE_WEBHOOK}/edit")
@requires(Role.ADMINISTRATOR)
def change(webhook_id: int) -> ResponseReturnValue:
    """Change a webhook."""
    webhook = webhooks.load_webhook(db.session(), g.instance.id, webhook_id)
    form = WebhookForm()
    try:
        with unit_of_work(db.session()) as work:
            webhooks.update_webhook(
                work,
                g.instance.id,
                webhook_id,
                form.webhook_fields,
                allowed_private_hosts=services().config.allowed_private_hosts,
                actor=current_user.user.email,
            )
    except webhooks.WebhookRefused as error:
        form.refuse(error.errors)
        return render_template("webhooks/form.html", form=form, webhook=webhook), 422
    flash("The webhook is saved.", "success")
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


@blueprint.post(f"{ONE_WEBHOOK}/pause")
@requires(Role.ADMINISTRATOR)
def pause(webhook_id: int) -> ResponseReturnValue:
    """Send nothing there for a while."""
    return set_paused(webhook_id, True, "Paused. What happens meanwhile is not sent later.")


@blueprint.post(f"{ONE_WEBHOOK}/resume")
@requires(Role.ADMINISTRATOR)
def resume(webhook_id: int) -> ResponseReturnValue:
    """Send again."""
    return set_paused(webhook_id, False, "Resumed.")


def set_paused(webhook_id: int, paused: bool, message: str) -> ResponseReturnValue:
    """Pause or resume a webhook, and lead back to its page."""
    with unit_of_work(db.session()) as work:
        webhooks.set_webhook_paused(work, g.instance.id, webhook_id, paused, actor=current_user.user.email)
    flash(message, "success")
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


@blueprint.post(f"{ONE_WEBHOOK}/secret")
@requires(Role.ADMINISTRATOR)
def renew_secret(webhook_id: int) -> ResponseReturnValue:
    """Make a new secret; it is shown on the page that follows, and nowhere else."""
    with unit_of_work(db.session()) as work:
        secret = webhooks.renew_secret(
            work,
            g.instance.id,
            webhook_id,
            box=secret_box(services().config),
            actor=current_user.user.email,
        )
    keep_secret(webhook_id, secret)
    flash("There is a new secret. The earlier one signs nothing any more.", "success")
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


@blueprint.get(f"{ONE_WEBHOOK}/delete")
@requires(Role.ADMINISTRATOR)
def ask_delete(webhook_id: int) -> ResponseReturnValue:
    """Ask before a webhook is deleted: its log and its secret cannot be brought back."""
    webhook = webhooks.load_webhook(db.session(), g.instance.id, webhook_id)
    return render_template("webhooks/delete.html", webhook=webhook)


@blueprint.post(f"{ONE_WEBHOOK}/delete")
@requires(Role.ADMINISTRATOR)
def delete(webhook_id: int) -> ResponseReturnValue:
    """Delete a webhook with its log."""
    with unit_of_work(db.session()) as work:
        webhooks.delete_webhook(work, g.instance.id, webhook_id, actor=current_user.user.email)
    flash("The webhook is deleted.", "success")
    return redirect(url_for("webhooks.index"), 303)
