"""Untag and commit for the whole virtual instance: confirmed with counts, for administrators."""

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.tags import blueprint
from autotag.extensions import db
from autotag.models import BulkActionState, Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind
from autotag.tagging.bulk.whole_instance import count_automatic_tags, start_for_everything
from autotag.tagging.tags.names import TaggingRefused


@blueprint.get("/automatic")
@requires(Role.ADMINISTRATOR)
def automatic() -> ResponseReturnValue:
    """Say how many automatic tags there are, and what can be done with all of them."""
    counts = count_automatic_tags(db.session(), g.instance.id)
    return render_template("tags/automatic.html", counts=counts)


@blueprint.post("/automatic/untag")
@requires(Role.ADMINISTRATOR)
def untag_everything() -> ResponseReturnValue:
    """Take all automatic tags off all files."""
    return carry_out(BulkKind.UNTAG, "removed")


@blueprint.post("/automatic/commit")
@requires(Role.ADMINISTRATOR)
def commit_everything() -> ResponseReturnValue:
    """Turn all automatic tags into ordinary ones."""
    return carry_out(BulkKind.COMMIT, "committed")


def carry_out(kind: BulkKind, done: str) -> ResponseReturnValue:
    """Begin one of the two, and say whether it is done already."""
    who = current_user.user
    try:
        with unit_of_work(db.session()) as work:
            action = start_for_everything(work, g.instance.id, kind, user_id=who.id, actor=who.email)
            is_over = action.state is BulkActionState.FINISHED
    except TaggingRefused as refused:
        flash(refused.message, "warning")
    else:
        flash(
            f"The automatic tags are {done}." if is_over else f"The automatic tags are being {done}.",
            "success",
        )
    return redirect(url_for("tags.automatic"), 303)
