"""Untag and commit for the whole virtual instance: confirmed with counts, for administrators."""

from collections.abc import Callable

from flask import flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.presentation import counted
from autotag.blueprints.tags import blueprint
from autotag.extensions import db
from autotag.instances.audit import audit
from autotag.models import Role
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.tagging.whole_instance import Part, commit_part, count_automatic_tags, untag_part


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
    instance_id = g.instance.id
    number = to_the_end("all files untagged", lambda work, after: untag_part(work, instance_id, after))
    flash(f"{counted(number, 'automatic tag')} removed.", "success")
    return redirect(url_for("tags.index"), 303)


@blueprint.post("/automatic/commit")
@requires(Role.ADMINISTRATOR)
def commit_everything() -> ResponseReturnValue:
    """Turn all automatic tags into ordinary ones."""
    instance_id, user_id = g.instance.id, current_user.user.id
    number = to_the_end(
        "all tags committed", lambda work, after: commit_part(work, instance_id, after, user_id=user_id)
    )
    flash(f"{counted(number, 'automatic tag')} committed.", "success")
    return redirect(url_for("tags.index"), 303)


def to_the_end(action: str, part: Callable[[UnitOfWork, int], Part | None]) -> int:
    """Do one part after the other until there are no more; note it in the audit trail, and return how much it was."""
    actor, total, position = current_user.user.email, 0, 0
    while True:
        with unit_of_work(db.session()) as work:
            done = part(work, position)
            if done is None:
                audit(work.session, g.instance.id, actor, action, "", [["Automatic tags", total, 0]])
                return total
        total, position = total + done.changed, done.position
