"""Merging tags into one: a page on which the one to keep is chosen, then the merge."""

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints.access import requires
from autotag.blueprints.documents.bulk_labels import tell_outcome
from autotag.blueprints.numbers import read_number
from autotag.blueprints.tags import blueprint
from autotag.blueprints.tags.forms import requested_tags
from autotag.extensions import db
from autotag.models import BulkActionState, Role
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.merge import start_merge
from autotag.tagging.tags.listing import TagNotFound, find_tag, usages_of
from autotag.tagging.tags.names import TaggingRefused

GONE = "The tag to keep is not there any more. Choose another one."


@blueprint.get("/merge")
@requires(Role.EDITOR)
def choose() -> ResponseReturnValue:
    """Show the tags to be merged, and let the one be chosen that is kept: one of them, or one named beside them."""
    name = " ".join(request.args.get("name", "").split())
    other = find_tag(db.session(), g.instance.id, name) if name else None
    problem = f"There is no tag {name}." if name and other is None else ""
    return render_choice(requested_tags(request.args), other.id if other else None, problem)


@blueprint.post("/merge")
@requires(Role.EDITOR)
def merge() -> ResponseReturnValue:
    """Merge tags into one."""
    ids, keep = requested_tags(request.form), request.form.get("keep", "")
    kept = read_number(keep) or 0
    who = current_user.user
    try:
        with unit_of_work(db.session()) as work:
            action = start_merge(
                work, g.instance.id, set(ids) - {kept}, kept, user_id=who.id, actor=who.email
            )
    except TagNotFound:
        return render_choice(ids, None, GONE), 422
    except TaggingRefused as refused:
        return render_choice(ids, kept, refused.message), 422
    back = url_for("tags.show", tag_id=kept)
    if action.state == BulkActionState.RUNNING:
        return redirect(url_for("bulk_actions.show", action_id=action.id, back=back), 303)
    tell_outcome(action)
    return redirect(back, 303)


def render_choice(ids: list[int], kept: int | None, problem: str) -> str:
    """Render the choice; the one that is named is kept unless another is chosen, else the most used."""
    wanted = [*ids, kept] if kept and kept not in ids else ids
    tags = usages_of(db.session(), g.instance.id, wanted)
    most_used = max(tags, key=lambda tag: tag.total, default=None)
    chosen = kept or (most_used.id if most_used else None)
    return render_template("tags/merge.html", tags=tags, chosen=chosen, problem=problem)
