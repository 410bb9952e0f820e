"""The page of an action that goes on in the background, and what can be done about it."""

from flask import g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.bulk_actions import blueprint
from autotag.blueprints.documents.bulk import refusable
from autotag.blueprints.documents.bulk_labels import tell_outcome
from autotag.blueprints.documents.choice import requested_back
from autotag.blueprints.numbers import MAXIMUM_ID
from autotag.extensions import db
from autotag.models import BulkActionState, Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import cancel_action, load_action
from autotag.tagging.bulk.undo import undo_action

ONE_ACTION = f"/<int(max={MAXIMUM_ID}):action_id>"


@blueprint.get(ONE_ACTION)
@requires(Role.EDITOR)
def show(action_id: int) -> ResponseReturnValue:
    """Show how far an action has come."""
    action = load_action(db.session(), g.instance.id, action_id)
    return render_template("bulk_actions/show.html", action=action, back=requested_back())


@blueprint.get(f"{ONE_ACTION}/progress")
@requires(Role.EDITOR)
def progress(action_id: int) -> ResponseReturnValue:
    """Answer how far an action has come, for its page to show without a reload."""
    action = load_action(db.session(), g.instance.id, action_id)
    html = render_template("bulk_actions/_progress.html", action=action, back=requested_back())
    return {"html": html, "pending": action.state == BulkActionState.RUNNING}


@blueprint.post(f"{ONE_ACTION}/cancel")
@requires(Role.EDITOR)
def cancel(action_id: int) -> ResponseReturnValue:
    """Stop an action."""
    with unit_of_work(db.session()) as work:
        cancel_action(work, g.instance.id, action_id)
    return redirect(url_for("bulk_actions.show", action_id=action_id, back=requested_back()), 303)


@blueprint.post(f"{ONE_ACTION}/undo")
@requires(Role.EDITOR)
@refusable
def undo(action_id: int) -> ResponseReturnValue:
    """Take an action back."""
    with unit_of_work(db.session()) as work:
        back = undo_action(work, g.instance.id, action_id, user_id=current_user.user.id)
    if back.state == BulkActionState.RUNNING:
        return redirect(url_for("bulk_actions.show", action_id=back.id, back=requested_back()), 303)
    tell_outcome(back)
    return redirect(requested_back(), 303)
